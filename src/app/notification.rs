//! Notifications of the desktop.

use notify_rust::Notification;

/// Shows a notification, away from the window's thread: a desktop may take its time, or have none.
pub fn show(title: &'static str, text: String) {
    // Some desktops read markup in it, pictures from elsewhere even; a run's name is anybody's text.
    let is_markup = cfg!(all(unix, not(target_os = "macos")));
    let text = if is_markup { text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;") } else { text };
    std::thread::spawn(move || {
        if let Err(error) = Notification::new().appname("Weldbench").summary(title).body(&text).show() {
            tracing::warn!("no notification is shown: {error}");
        }
    });
}
