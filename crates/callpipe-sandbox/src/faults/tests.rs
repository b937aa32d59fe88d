use super::*;

fn subject<'a>(contact: &'a str, key: &'a str) -> Subject<'a> {
    Subject {
        contacts: vec![contact],
        key,
        ..Subject::default()
    }
}

fn strikes(text: &str, subjects: &[Subject<'_>]) -> Vec<bool> {
    let faults = Faults::new(11);
    faults.arm_text(text).unwrap();
    subjects
        .iter()
        .map(|subject| faults.take(Point::Media, subject).is_some())
        .collect()
}

#[test]
fn text_and_fault_are_the_same() {
    for text in [
        "media.cut_body:times=2,contact=123",
        "media.cut_body",
        "deepgram.slow:delay_ms=10,each=1",
        "gemini.429:probability=0.25,retry_after_s=3,model=gemini-3",
        "cxone.metadata_404_pending:times=always,after=4,call=sale",
    ] {
        let fault = Fault::parse(text).unwrap();
        assert_eq!(Fault::parse(&fault.to_string()).unwrap(), fault);
    }
    for kind in FaultKind::ALL {
        assert_eq!(Fault::parse(kind.name()).unwrap(), Fault::once(*kind));
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let message = Fault::parse("media.cut_bodies").unwrap_err().to_string();
    assert!(
        message.starts_with("there is no fault `media.cut_bodies`; known are: cxone.token_401")
    );
    assert!(message.contains("gemini.fenced"));
    let message = Fault::parse("media.403:time=1").unwrap_err().to_string();
    assert!(message.starts_with("`time` is no setting"));
    assert!(Fault::parse("media.403:times=-1").is_err());
    assert!(Fault::parse("media.403:probability=1.5").is_err());
}

#[test]
fn times_after_contact_and_each() {
    let (one, two) = (subject("1", "1"), subject("2", "2"));
    let all = [one.clone(), one.clone(), two.clone(), two.clone()];
    assert_eq!(strikes("media.403", &all), [true, false, false, false]);
    assert_eq!(
        strikes("media.403:times=2", &all),
        [true, true, false, false]
    );
    assert_eq!(
        strikes("media.403:after=3", &all),
        [false, false, false, true]
    );
    assert_eq!(
        strikes("media.403:contact=2", &all),
        [false, false, true, false]
    );
    assert_eq!(
        strikes("media.403:each=1", &all),
        [true, false, true, false]
    );
    assert_eq!(strikes("media.403:times=always", &all), [true; 4]);
    assert_eq!(strikes("deepgram.403:times=always", &all), [false; 4]);
}

#[test]
fn probability_replays_from_the_seed() {
    let keys: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let subjects: Vec<Subject<'_>> = keys.iter().map(|key| subject(key, key)).collect();
    let first = strikes("media.403:probability=0.5", &subjects);
    assert_eq!(first, strikes("media.403:probability=0.5", &subjects));
    let struck = first.iter().filter(|struck| **struck).count();
    assert!((60..140).contains(&struck), "{struck} of 200");
}
