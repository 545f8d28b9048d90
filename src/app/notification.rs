//! Notifications of the desktop.

use notify_rust::Notification;

/// Shows a notification, away from the window's thread: a desktop may take its time, or have none.
pub fn show(title: &'static str, text: String) {
    std::thread::spawn(move || {
        if let Err(error) = Notification::new().appname("Weldbench").summary(title).body(&text).show() {
            tracing::warn!("no notification is shown: {error}");
        }
    });
}
