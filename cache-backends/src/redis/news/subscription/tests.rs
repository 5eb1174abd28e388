use super::*;
use crate::redis::settings::options::Options;
use crate::redis::settings::target::Target;

/// What was heard, in order.
#[derive(Default)]
struct Ear(Mutex<Vec<&'static str>>);

impl Listener for Ear {
    fn hear(&self, event: Event<'_>) {
        self.0.lock().push(match event {
            Event::Standing => "standing",
            Event::Lost => "lost",
            _ => "else",
        });
    }
}

#[test]
fn a_server_that_says_twice_that_it_listens_has_missed_nothing() {
    let mut options = Options::default();
    let target = Target::parse("redis://127.0.0.1:1", &mut options).expect("it is one");
    let client = Arc::new(Client::new(target, &options));
    let subscriptions = Subscriptions::new(client, options.timeout, Tell::All);
    let (ear, home) = (Arc::new(Ear::default()), Address::Tcp("127.0.0.1".to_owned(), 1));
    let listener: Weak<Ear> = Arc::downgrade(&ear);
    let channel = Channel { slot: 0, listeners: vec![listener], home: Some(home.clone()), state: State::Tried };
    subscriptions.table.lock().channels.insert(b"news"[..].into(), channel);
    subscriptions.stands(b"news", &home);
    subscriptions.stands(b"news", &home);
    assert_eq!(*ear.0.lock(), ["standing"]);
    subscriptions.lose(&home, None);
    subscriptions.stands(b"news", &home);
    assert_eq!(*ear.0.lock(), ["standing", "lost"], "by now it is nobody's");
}
