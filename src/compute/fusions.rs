//! Which operations burn melts into one kernel.

use std::sync::Once;

/// Leaves out burn's fusion of a reduction with what follows along the same axis (softmax, say).
///
/// In burn 0.22.1 it panics on some orders of operations, which training with all losses has
/// (`TraceFuser::block_local_input`). Must come before the first tensor of a device with fusion.
pub fn leave_out_broken() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Err(error) = burn_cubecl::fusion::remove("ReduceBroadcasted") {
            tracing::error!("{error}");
        }
    });
}
