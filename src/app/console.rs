//! The console that Windows opens beside a program of a double click.

/// Leaves it, so that it closes, unless a shell or another program is in it, too.
#[cfg(windows)]
pub fn leave_own() {
    use windows_sys::Win32::System::Console::{FreeConsole, GetConsoleProcessList};
    let mut programs = [0; 2];
    // SAFETY: the list has room for as many numbers as is said, and nothing holds a handle of the console but the standard
    // streams, which drop what can no longer be written.
    unsafe {
        if GetConsoleProcessList(programs.as_mut_ptr(), programs.len() as u32) == 1 {
            FreeConsole();
        }
    }
}

#[cfg(not(windows))]
pub fn leave_own() {}
