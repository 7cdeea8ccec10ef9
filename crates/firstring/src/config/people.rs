//! Who can be rung, and in which turn.
//!
//! Invariant: nobody who is read here leads back to one of our own lines, to an emergency service or to a number that
//! costs by the minute.

use std::collections::BTreeMap;

use desk::business::{Accept, Line, Person, Reach, Rota, Turn};
use desk::number::{Country, E164};
use jiff::civil::Date;

use super::document::At;
use super::file::{AcceptForm, ReachForm};
use super::meaning::Reading;
use super::values;

/// Everybody who can be rung, by name.
pub(super) fn people(
    reading: &mut Reading<'_>,
    country: Country,
    lines: &BTreeMap<E164, Line>,
) -> BTreeMap<String, Person> {
    let mut people = BTreeMap::new();
    for (index, form) in reading.file.person.iter().enumerate() {
        let at = At::top().key("person").item(index);
        let office = reading.office_named(form.office.as_deref(), &at.key("office"));
        if form.reach.is_empty() || form.reach.len() > MOST_WAYS {
            let says =
                format!("name 1 to {MOST_WAYS} ways to reach {}, like [{{ to = \"101\" }}]", form.name);
            reading.refuse(&at.key("reach"), says);
        }
        let mut ways = Vec::new();
        for (index, way) in form.reach.iter().enumerate() {
            let at = at.key("reach").item(index);
            ways.extend(reach(reading, way, office.as_deref(), (country, lines), &at));
        }
        if let Some(office) = office {
            people.insert(form.name.clone(), Person { office, reach: ways });
        }
    }
    people
}

/// A person with more has moved house; each way costs the caller another ring time.
const MOST_WAYS: usize = 5;

fn reach(
    reading: &mut Reading<'_>,
    form: &ReachForm,
    office: Option<&str>,
    (country, lines): (Country, &BTreeMap<E164, Line>),
    at: &At,
) -> Option<Reach> {
    let file = reading.file;
    let trunks: Vec<&str> = file.trunk.iter().map(|one| one.name.as_str()).collect();
    let own = office.and_then(|name| file.office.iter().find(|office| office.name == name));
    let via = form.via.as_deref().or_else(|| own?.trunk.as_deref());
    let via = reading.one_of(via, &trunks, "trunk", &at.key("via"));
    let read = dialled(&form.to, country).and_then(|way| not_ourselves(way, country, lines));
    let way = reading.taken(read, &at.key("to"))?;
    let accept = match (form.accept, &way) {
        (Some(AcceptForm::PickUp), _) | (None, Way::Extension(_) | Way::Address(_)) => Accept::PickUp,
        (Some(AcceptForm::PressOne), _) | (None, Way::Number(_)) => Accept::PressOne,
    };
    Some(Reach { to: way.text(), via: via?, accept })
}

/// What is dialled to reach somebody.
enum Way {
    Number(E164),
    Extension(String),
    Address(String),
}

impl Way {
    fn text(self) -> String {
        match self {
            Way::Number(number) => number.to_string(),
            Way::Extension(text) | Way::Address(text) => text,
        }
    }
}

/// These reach help over many networks, wherever they are dialled: a machine never does.
const EMERGENCY: [&str; 2] = ["911", "112"];

/// Further emergency and crisis services of a country, and what its test of them is dialled with. Elsewhere such a number is an
/// extension like any other. Source: national numbering plans (ITU-T E.129).
fn emergency_in(country: Country) -> &'static [&'static str] {
    match country.iso() {
        "US" | "CA" | "PR" => &["933", "988"],
        "GB" | "IE" => &["999"],
        "AU" => &["000", "106"],
        "NZ" => &["111"],
        "DE" => &["110"],
        "AT" => &["122", "133", "144"],
        "CH" => &["117", "118", "143", "144"],
        "FR" => &["15", "17", "18", "114", "119", "3114"],
        "BE" => &["100", "101"],
        "NL" => &["113"],
        "ES" => &["024", "061", "062", "080", "085", "091", "092"],
        "NO" => &["110", "113"],
        _ => &[],
    }
}

fn dialled(text: &str, country: Country) -> Result<Way, String> {
    let text = text.trim();
    if text.starts_with("sip:") {
        return sip_address(text, country).map(Way::Address);
    }
    no_emergency(text, country)?;
    if (2..=6).contains(&text.len()) && text.bytes().all(|sign| sign.is_ascii_digit()) {
        return Ok(Way::Extension(text.to_string()));
    }
    let wrong = |_| {
        format!(
            "{text:?} can not be dialled; write a number like +13125550143, an extension like 101, or sip:dana@192.0.2.20"
        )
    };
    let number = E164::parse(text, country).map_err(wrong)?;
    nothing_costly(&number)?;
    Ok(Way::Number(number))
}

fn no_emergency(dialled: &str, country: Country) -> Result<(), String> {
    match EMERGENCY.contains(&dialled) || emergency_in(country).contains(&dialled) {
        true => Err(format!(
            "{dialled} is an emergency service, which this desk never dials; name a person's number"
        )),
        false => Ok(()),
    }
}

/// NANP 900 and 976 numbers are paid by the caller per minute.
fn nothing_costly(number: &E164) -> Result<(), String> {
    let digits = number.digits();
    if digits.starts_with("1900") || (digits.len() == 11 && digits.starts_with('1') && &digits[4..7] == "976")
    {
        return Err(format!("{number} costs by the minute, and this desk never dials such numbers"));
    }
    Ok(())
}

/// The number that a gateway or a phone system would dial for the name in an address, if it is one.
fn number_in(user: &str, country: Country) -> Option<E164> {
    let digits = user.strip_prefix('+').unwrap_or(user);
    let is_number = digits.len() >= 10 && digits.bytes().all(|sign| sign.is_ascii_digit());
    E164::parse(user, country).ok().filter(|_| is_number)
}

fn user_of(address: &str) -> &str {
    address.trim_start_matches("sip:").split('@').next().unwrap_or_default()
}

fn sip_address(text: &str, country: Country) -> Result<String, String> {
    let wrong = || {
        format!(
            "{text:?} is no SIP address; write it like sip:dana@192.0.2.20 or sip:dana@pbx.example.com:5080"
        )
    };
    let (user, host) = text.trim_start_matches("sip:").split_once('@').ok_or_else(wrong)?;
    let plain = |sign: u8| sign.is_ascii_alphanumeric() || b"-_.+".contains(&sign);
    if user.is_empty() || user.len() > 64 || !user.bytes().all(plain) {
        return Err(wrong());
    }
    values::target(host).map_err(|_| wrong())?;
    // Over a trunk, the name in an address is dialled like any number.
    no_emergency(user, country)?;
    number_in(user, country).as_ref().map_or(Ok(()), nothing_costly)?;
    Ok(text.to_string())
}

/// A person behind one of our own lines would be the caller ringing this desk again, for ever.
fn not_ourselves(way: Way, country: Country, lines: &BTreeMap<E164, Line>) -> Result<Way, String> {
    let number = match &way {
        Way::Number(number) => Some(number.clone()),
        Way::Address(address) => number_in(user_of(address), country),
        Way::Extension(_) => None,
    };
    match number.filter(|number| lines.contains_key(number)) {
        Some(number) => Err(format!(
            "{number} is one of this desk's own lines, so the call would come back here; name another number"
        )),
        None => Ok(way),
    }
}

/// Where calls can be sent on, by name.
pub(super) fn targets(
    reading: &mut Reading<'_>,
    country: Country,
    lines: &BTreeMap<E164, Line>,
) -> BTreeMap<String, Reach> {
    let mut targets = BTreeMap::new();
    for (index, form) in reading.file.target.iter().enumerate() {
        let at = At::top().key("target").item(index);
        let way = ReachForm { to: form.to.clone(), via: form.via.clone(), accept: Some(form.accept) };
        let reach = reach(reading, &way, None, (country, lines), &at);
        targets.extend(reach.map(|reach| (form.name.clone(), reach)));
    }
    targets
}

/// Everybody who takes turns, by the rota's name.
pub(super) fn rotas(reading: &mut Reading<'_>) -> BTreeMap<String, Rota> {
    let known: Vec<&str> = reading.file.person.iter().map(|one| one.name.as_str()).collect();
    let mut rotas = BTreeMap::new();
    for (index, form) in reading.file.rota.iter().enumerate() {
        let at = At::top().key("rota").item(index);
        if form.people.is_empty() {
            reading.refuse(
                &at.key("people"),
                "nobody is on this rota; name at least one [[person]]".to_string(),
            );
        }
        let mut people: Vec<String> = Vec::new();
        for (index, name) in form.people.iter().enumerate() {
            let at = at.key("people").item(index);
            if people.contains(name) {
                reading.refuse(&at, format!("{name} is on this rota already; everybody has one turn"));
            }
            people.extend(reading.one_of(Some(name), &known, "person", &at));
        }
        if let Some(turn) = reading.taken(turn(&form.turn), &at.key("turn")) {
            rotas.insert(form.name.clone(), Rota { people, turn });
        }
    }
    rotas
}

fn turn(text: &str) -> Result<Turn, String> {
    let wrong = || {
        format!(
            "{text:?} is no turn; write \"in-order\", \"daily from 2026-01-05\" or \"weekly from 2026-01-05\""
        )
    };
    if text == "in-order" {
        return Ok(Turn::InOrder);
    }
    let (how_often, first) = text.split_once(" from ").ok_or_else(wrong)?;
    let first: Date = first.trim().parse().map_err(|_| wrong())?;
    match how_often {
        "daily" => Ok(Turn::Daily(first)),
        "weekly" => Ok(Turn::Weekly(first)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        dialled(text, Country::US).map(Way::text)
    }

    #[test]
    fn a_person_is_a_number_an_extension_or_an_address() {
        for (text, dialled) in [
            ("(312) 555-0143", "+13125550143"),
            ("101", "101"),
            ("sip:dana@192.0.2.20:5080", "sip:dana@192.0.2.20:5080"),
            ("sip:dana@pbx.example.com", "sip:dana@pbx.example.com"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(dialled), "{text}");
        }
    }

    #[test]
    fn emergency_and_costly_numbers_are_never_dialled() {
        for text in [
            "911",
            "112",
            "988",
            "+19005550143",
            "+13129765550",
            "sip:dana",
            "sip:a b@c",
            "sip:x@h\r\nTo: y",
            "sip:911@192.0.2.20",
            "sip:+19005550143@sip.example.com",
            "sip:13129765550@sip.example.com",
            "7",
            "bob",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_extension_is_an_emergency_number_only_where_that_is_one() {
        let country = |iso: &str| iso.parse::<Country>().unwrap();
        for (text, refused, taken) in [
            ("110", &["DE", "NO"][..], &["US", "GB", "FR"][..]),
            ("999", &["GB", "IE"], &["US", "DE"]),
            ("17", &["FR"], &["US", "DE"]),
            ("988", &["US", "CA", "PR"], &["DE"]),
            ("911", &["US", "GB", "DE"], &[]),
            ("112", &["US", "DE", "NO"], &[]),
        ] {
            for iso in refused {
                assert!(dialled(text, country(iso)).is_err(), "{text} in {iso}");
            }
            for iso in taken {
                assert!(dialled(text, country(iso)).is_ok(), "{text} in {iso}");
            }
        }
    }

    #[test]
    fn turns_begin_on_a_date() {
        assert_eq!(turn("weekly from 2026-01-05"), Ok(Turn::Weekly(jiff::civil::date(2026, 1, 5))));
        assert_eq!(turn("in-order"), Ok(Turn::InOrder));
        for text in ["weekly", "monthly from 2026-01-05", "weekly from 2026-02-30", ""] {
            assert!(turn(text).is_err(), "{text}");
        }
    }
}
