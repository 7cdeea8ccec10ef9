//! Makes the desk's nouns and the shell's settings of what is written, and holds all names against each other.
//!
//! Invariant: goes through everything before giving up, so that one reading tells every fault. What stands in for a
//! value at fault never leaves: with one refusal there is no configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connectors::LocalCalendar;
use desk::booking::DiaryRules;
use desk::business::{Arrives, Assistant, Business, Front, Line, Office};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::intake::Template;
use desk::number::{Country, E164};
use desk::private::Private;
use jiff::tz::TimeZone;

use super::document::{At, Document};
use super::file::{
    ArrivesForm, AssistantForm, CalendarForm, CalendarKind, File, LineForm, OfficeForm, Trade, TrunkForm,
};
use super::refusal::{Refusal, instead, nearest};
use super::values::{self, Sources, Surroundings};
use super::{
    CalendarSettings, Config, SipSettings, TrunkSettings, WebSettings, callers, carrier, encryption,
    greeting, joining, people, plans, recordings,
};
use crate::shell::asking::MOST_SERVERS;

/// Reads what is written; the configuration is whole only if nothing was refused.
pub(super) fn read(
    document: &Document<'_>,
    file: &File,
    around: &Surroundings<'_>,
) -> (Option<Config>, Vec<Refusal>) {
    let mut reading = Reading { document, file, around, refusals: Vec::new() };
    let config = reading.config();
    (config, reading.refusals)
}

/// One reading of one file.
pub(super) struct Reading<'a> {
    document: &'a Document<'a>,
    pub(super) file: &'a File,
    around: &'a Surroundings<'a>,
    refusals: Vec<Refusal>,
}

impl Reading<'_> {
    fn config(&mut self) -> Option<Config> {
        let country = self.country();
        let zone = self.zone(&self.file.business.timezone, &At::top().key("business").key("timezone"));
        self.named_once();
        let sip = self.sip();
        let web = self.web();
        let trunks = self.trunks();
        let offices = self.offices(country.unwrap_or(Country::US), zone.as_ref());
        let lines = self.lines(country.unwrap_or(Country::US));
        let people = people::people(self, country.unwrap_or(Country::US), &lines);
        let rotas = people::rotas(self);
        let targets = people::targets(self, country.unwrap_or(Country::US), &lines);
        let plans = plans::plans(self);
        let callers = callers::callers(self, country.unwrap_or(Country::US));
        let assistants = self.assistants(country.unwrap_or(Country::US));
        let calendars = self.calendars(&offices);
        let recordings = recordings::bucket(self);
        let keep = self.within(
            &self.file.compliance.keep,
            ("1d", "3650d"),
            &At::top().key("compliance").key("keep"),
        );
        if !self.refusals.is_empty() {
            return None;
        }
        let business = Business {
            name: self.file.business.name.trim().to_string(),
            zone: zone?,
            offices,
            people,
            rotas,
            lines,
            plans,
            targets,
            callers,
            assistants,
            channels: trunks.iter().map(|trunk| (trunk.name.clone(), trunk.channels)).collect(),
            hand_over: carrier::handing_over(&trunks),
            keeping: recordings::keeping(&self.file.compliance),
        };
        Some(Config {
            business: Arc::new(business),
            country: country?,
            sip,
            web: web?,
            data_directory: self.around.directory.join(&self.file.data.directory),
            trunks,
            calendars,
            keep,
            recordings,
        })
    }

    fn country(&mut self) -> Option<Country> {
        let at = At::top().key("business").key("country");
        let read = self.file.business.country.parse::<Country>();
        self.taken(read, &at)
    }

    fn zone(&mut self, name: &str, at: &At) -> Option<TimeZone> {
        if let Ok(zone) = TimeZone::get(name) {
            return Some(zone);
        }
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let known = || known.iter().map(String::as_str);
        let right = match nearest(name, known()).or_else(|| zone_of_city(name, known())) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => "write it like \"America/Chicago\"".to_string(),
        };
        self.refuse(at, format!("{name:?} is no time zone; {right}"));
        None
    }

    /// A file as this one names it.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.around.directory.join(path)
    }

    /// Names and numbers that stand twice, and names nobody can say.
    fn named_once(&mut self) {
        let file = self.file;
        let business = At::top().key("business").key("name");
        self.sayable(&file.business.name, &business);
        let lists: [(&str, Vec<&str>); 8] = [
            ("trunk", file.trunk.iter().map(|one| one.name.as_str()).collect()),
            ("office", file.office.iter().map(|one| one.name.as_str()).collect()),
            ("person", file.person.iter().map(|one| one.name.as_str()).collect()),
            ("rota", file.rota.iter().map(|one| one.name.as_str()).collect()),
            ("target", file.target.iter().map(|one| one.name.as_str()).collect()),
            ("plan", file.plan.iter().map(|one| one.name.as_str()).collect()),
            ("assistant", file.assistant.iter().map(|one| one.name.as_str()).collect()),
            ("calendar", file.calendar.iter().map(|one| one.name.as_str()).collect()),
        ];
        for (list, names) in lists {
            let mut first: BTreeMap<&str, At> = BTreeMap::new();
            for (index, name) in names.into_iter().enumerate() {
                let at = At::top().key(list).item(index).key("name");
                self.sayable(name, &at);
                if let Some(before) = first.get(name) {
                    let line = self.document.line(before);
                    let article = if list.starts_with(['a', 'o']) { "an" } else { "a" };
                    let says = format!(
                        "there is {article} {list} named {name:?} in line {line} already; name this one otherwise"
                    );
                    self.refuse(&at, says);
                }
                first.entry(name).or_insert(at);
            }
        }
    }

    fn sayable(&mut self, name: &str, at: &At) {
        if name.trim().is_empty() {
            self.refuse(at, "this name is empty; give it one".to_string());
        } else if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            self.refuse(at, format!("a name has at most {LONGEST_NAME} characters and stands on one line"));
        }
    }

    fn sip(&mut self) -> SipSettings {
        let at = At::top().key("sip");
        let listen = self.each(&self.file.sip.listen, &at.key("listen"), values::sip_listen);
        self.listened_on_once(&listen, &at.key("listen"));
        if listen.len() > MOST_LISTENERS {
            self.refuse(&at.key("listen"), format!("at most {MOST_LISTENERS} addresses can be listened on"));
        }
        if self.file.sip.listen.is_empty() {
            self.refuse(
                &at.key("listen"),
                "nothing is listened on, so no call arrives; write [\"udp:0.0.0.0:5060\"]".to_string(),
            );
        }
        let advertise = self.taken(values::advertise(&self.file.sip.advertise), &at.key("advertise"));
        let rtp_ports = self.taken(values::port_range(&self.file.sip.rtp_ports), &at.key("rtp_ports"));
        let name_servers = &self.file.sip.name_servers;
        if name_servers.len() > MOST_SERVERS {
            self.refuse(&at.key("name_servers"), format!("at most {MOST_SERVERS} name servers are asked"));
        }
        let name_servers = self.each(name_servers, &at.key("name_servers"), values::name_server);
        let stun = self.file.sip.stun.as_deref();
        let stun = stun.and_then(|text| self.taken(values::stun_server(text), &at.key("stun")));
        SipSettings {
            stun,
            dscp: self.file.sip.dscp,
            when_late: self.file.sip.when_late.into(),
            tls: encryption::own(&listen, self),
            name_servers,
            listen,
            advertise: advertise.unwrap_or(values::Advertise::Auto),
            rtp_ports: rtp_ports.unwrap_or(20_000..=29_999),
        }
    }

    /// The second of two sockets at the same place is refused by the machine, and the desk would not start. Port 0 is any free one.
    fn listened_on_once(&mut self, listen: &[values::Listen], at: &At) {
        let mut known = BTreeSet::new();
        for one in listen.iter().filter(|one| one.address.port() != 0) {
            let is_stream = one.transport != sip::Transport::Udp;
            if !known.insert((is_stream, one.address)) {
                let says =
                    format!("{} is listened on twice, and only one can have it; take one out", one.address);
                self.refuse(at, says);
            }
        }
    }

    fn web(&mut self) -> Option<WebSettings> {
        let at = At::top().key("web");
        let file = self.file;
        let listen =
            self.taken(values::socket_address(&file.web.listen, "127.0.0.1:8080"), &at.key("listen"))?;
        let token = match &file.web.token {
            None => None,
            Some(text) => Some(self.secret(text, &at.key("token"))?),
        };
        if token.is_none() && !listen.ip().is_loopback() {
            let says =
                "everybody who reaches this address could listen in; add a token, or listen on 127.0.0.1";
            self.refuse(&at.key("listen"), says.to_string());
        }
        Some(WebSettings { listen, token })
    }

    fn trunks(&mut self) -> Vec<TrunkSettings> {
        let at = At::top().key("trunk");
        if self.file.trunk.is_empty() {
            self.refuse(&at, "without a trunk no call arrives; add a [[trunk]]".to_string());
        }
        let mut trunks: Vec<TrunkSettings> = Vec::new();
        for (index, form) in self.file.trunk.iter().enumerate() {
            let trunk = self.trunk(form, &at.item(index));
            self.not_shared(&trunk, &trunks, &at.item(index).key("accept_from"));
            trunks.push(trunk);
        }
        trunks
    }

    fn trunk(&mut self, form: &TrunkForm, at: &At) -> TrunkSettings {
        let login = joining::login(form, at, self);
        let guard = joining::guard(form, at, self);
        let joining = joining::joining(form, at, self);
        let accepted: Sources = carrier::accept_from(form, at, self).into_iter().collect();
        encryption::by_certificate(form, &accepted.certificates, at, self);
        let over = |host| values::target_over(host, form.transport.into());
        let target = form.outbound_proxy.as_deref().map(over);
        let target = target.and_then(|read| self.taken(read, &at.key("outbound_proxy")));
        TrunkSettings {
            encryption: encryption::toward(form, at, self),
            name: form.name.clone(),
            carrier: form.carrier,
            accept_from: accepted.ranges,
            accept_names: accepted.names,
            accept_certificates: accepted.certificates,
            channels: form.channels,
            hands_over: carrier::hands_over(form, at, self),
            outbound_proxy: target,
            host: carrier::host(form.carrier, form.transport.into()),
            habits: carrier::habits(form, at, self),
            login,
            guard,
            joining,
            without_us: form.without_us.clone(),
        }
    }

    /// Calls are told apart by where they come from: no address may belong to two trunks.
    fn not_shared(&mut self, trunk: &TrunkSettings, others: &[TrunkSettings], at: &At) {
        for other in others {
            let shared = trunk.accept_from.iter().find(|range| {
                other.accept_from.iter().any(|theirs| theirs.contains(*range) || range.contains(theirs))
            });
            if let Some(range) = shared {
                let says = format!(
                    "{range} may send calls over trunk {:?} too, and then nobody can tell whose they are; make one trunk of both",
                    other.name
                );
                self.refuse(at, says);
            }
            let names = trunk.accept_names.iter().find(|name| other.accept_names.contains(name));
            let mut domains = trunk.accept_certificates.iter();
            let shared = names.or_else(|| domains.find(|name| other.accept_certificates.contains(name)));
            if let Some(name) = shared {
                let says = format!(
                    "{name} may send calls over trunk {:?} too, and then nobody can tell whose they are; make one trunk of both",
                    other.name
                );
                self.refuse(at, says);
            }
        }
    }

    fn offices(&mut self, country: Country, zone: Option<&TimeZone>) -> BTreeMap<String, Office> {
        let at = At::top().key("office");
        if self.file.office.is_empty() {
            self.refuse(&at, "without an office there are no hours; add an [[office]]".to_string());
        }
        let mut offices = BTreeMap::new();
        for (index, form) in self.file.office.iter().enumerate() {
            if let Some(office) = self.office(form, country, zone, &at.item(index)) {
                offices.insert(form.name.clone(), office);
            }
        }
        offices
    }

    fn office(
        &mut self,
        form: &OfficeForm,
        country: Country,
        zone: Option<&TimeZone>,
        at: &At,
    ) -> Option<Office> {
        let zone = match &form.timezone {
            Some(own) => self.zone(own, &at.key("timezone")),
            None => zone.cloned(),
        };
        // Hours are judged even when the clock is at fault: the fault in them is told in the same reading.
        let judged_by = zone.clone().unwrap_or(TimeZone::UTC);
        let hours =
            self.taken(OfficeHours::parse(&form.hours, &[], country, judged_by.clone()), &at.key("hours"));
        for (index, exception) in form.except.iter().enumerate() {
            let alone = OfficeHours::parse(exception, &[], country, judged_by.clone());
            self.taken(alone, &at.key("except").item(index));
        }
        let calendar = match &form.calendar {
            Some(name) => {
                let known =
                    self.file.calendar.iter().map(|calendar| calendar.name.as_str()).collect::<Vec<_>>();
                self.leads(name, &known, "calendar", &at.key("calendar"))
            }
            None => self.calendar_of(&form.name),
        };
        self.of_office(form, at);
        hours?;
        let hours = OfficeHours::parse(&form.hours, &form.except, country, zone?).ok()?;
        Some(Office { hours: Arc::new(hours), calendar })
    }

    /// What an office says of its lines must lead somewhere, also where no line takes it.
    fn of_office(&mut self, form: &OfficeForm, at: &At) {
        let file = self.file;
        let trunks: Vec<&str> = file.trunk.iter().map(|one| one.name.as_str()).collect();
        let assistants: Vec<&str> = file.assistant.iter().map(|one| one.name.as_str()).collect();
        if let Some(trunk) = &form.trunk {
            self.leads(trunk, &trunks, "trunk", &at.key("trunk"));
        }
        if let Some(assistant) = &form.assistant {
            self.leads(assistant, &assistants, "assistant", &at.key("assistant"));
        }
        if let Some(plan) = &form.plan {
            plans::plan_of_line(self, plan, Some(&form.name), &at.key("plan"));
        }
    }

    fn calendar_of(&self, office: &str) -> Option<String> {
        let mut of_it = self.file.calendar.iter().filter(|calendar| match &calendar.office {
            Some(name) => name == office,
            None => self.file.office.len() == 1,
        });
        of_it.next().map(|calendar| calendar.name.clone())
    }

    fn lines(&mut self, country: Country) -> BTreeMap<E164, Line> {
        let at = At::top().key("line");
        if self.file.line.is_empty() {
            self.refuse(&at, "without a line there is no number to answer; add a [[line]]".to_string());
        }
        let mut lines: BTreeMap<E164, Line> = BTreeMap::new();
        let mut known: BTreeMap<E164, At> = BTreeMap::new();
        for (index, form) in self.file.line.iter().enumerate() {
            let at = at.item(index);
            let number = self.taken(E164::parse(&form.number, country), &at.key("number"));
            let line = self.line(form, &at);
            let Some(number) = number else { continue };
            if let Some(before) = known.get(&number) {
                let before = self.document.line(before);
                self.refuse(
                    &at.key("number"),
                    format!("{number} is the line in line {before} already; one number is one line"),
                );
            }
            known.entry(number.clone()).or_insert_with(|| at.key("number"));
            if let Some(line) = line {
                lines.insert(number, line);
            }
        }
        lines
    }

    fn line(&mut self, form: &LineForm, at: &At) -> Option<Line> {
        let file = self.file;
        let trunks: Vec<&str> = file.trunk.iter().map(|one| one.name.as_str()).collect();
        let assistants: Vec<&str> = file.assistant.iter().map(|one| one.name.as_str()).collect();
        let office = self.office_named(form.office.as_deref(), &at.key("office"));
        let own = file.office.iter().find(|form| office.as_deref() == Some(form.name.as_str()));
        let trunk = form.trunk.as_deref().or_else(|| own?.trunk.as_deref());
        let trunk = self.one_of(trunk, &trunks, "trunk", &at.key("trunk"));
        let assistant = form.assistant.as_deref().or_else(|| own?.assistant.as_deref());
        let assistant = self.one_of(assistant, &assistants, "assistant", &at.key("assistant"));
        let plan = form.plan.as_deref().or_else(|| own?.plan.as_deref());
        let plan = plan.unwrap_or(plans::USUAL);
        let plan = plans::plan_of_line(self, plan, office.as_deref(), &at.key("plan"));
        let arrives = match form.arrives {
            ArrivesForm::Direct => Arrives::Direct,
            ArrivesForm::Forwarded => Arrives::Forwarded,
        };
        Some(Line { trunk: trunk?, office: office?, plan: plan?, assistant: assistant?, arrives })
    }

    /// How callers are received who are sent on to an office.
    pub(super) fn front(&mut self, office: &str, at: &At) -> Option<Front> {
        let office = self.office_named(Some(office), at)?;
        let file = self.file;
        let form = file.office.iter().find(|form| form.name == office)?;
        let assistants: Vec<&str> = file.assistant.iter().map(|one| one.name.as_str()).collect();
        let assistant = match (&form.assistant, assistants.as_slice()) {
            (Some(name), _) => name.clone(),
            (None, [only]) => (*only).to_string(),
            (None, _) => {
                let says = format!(
                    "callers are sent on to office {office:?}, and it is not known whose voice answers there; name the \
                     office's `assistant`"
                );
                self.refuse(at, says);
                return None;
            }
        };
        let plan = form.plan.as_deref().unwrap_or(plans::USUAL);
        let plan = plans::plan_of_line(self, plan, Some(&office), at)?;
        Some(Front { office, plan, assistant })
    }

    fn assistants(&mut self, country: Country) -> BTreeMap<String, Assistant> {
        let at = At::top().key("assistant");
        if self.file.assistant.is_empty() {
            self.refuse(
                &at,
                "without an assistant nobody answers; add an [[assistant]] with a name".to_string(),
            );
        }
        let mut assistants = BTreeMap::new();
        for (index, form) in self.file.assistant.iter().enumerate() {
            if let Some(assistant) = self.assistant(form, country, &at.item(index)) {
                assistants.insert(form.name.clone(), assistant);
            }
        }
        self.intakes_apart(&at, &assistants);
        assistants
    }

    /// What is listened for is named after the intake, so that two files may not give theirs the same name.
    fn intakes_apart(&mut self, at: &At, assistants: &BTreeMap<String, Assistant>) {
        let usual = self.file.business.trade.map(Trade::template);
        let file = self.file;
        let mut files: BTreeMap<&str, &str> = BTreeMap::new();
        for (index, form) in file.assistant.iter().enumerate() {
            let written = form.intake.as_deref().or(usual);
            let (Some(written), Some(assistant)) = (written, assistants.get(&form.name)) else { continue };
            let name = assistant.intake.name.as_str();
            let first = *files.entry(name).or_insert(written);
            if first != written {
                let says = format!(
                    "the intakes {first} and {written} are both named {name:?}; give one of them another name in its file"
                );
                self.refuse(&at.item(index).key("intake"), says);
            }
        }
    }

    fn assistant(&mut self, form: &AssistantForm, country: Country, at: &At) -> Option<Assistant> {
        let keeping = recordings::keeping(&self.file.compliance);
        let own =
            form.greeting.clone().unwrap_or_else(|| greeting::usual(&self.file.business.name, &form.name));
        if own.trim().is_empty() {
            self.refuse(
                &at.key("greeting"),
                "the greeting is empty; write one, or leave the key out".to_string(),
            );
        } else if own.len() > LONGEST_GREETING {
            self.refuse(
                &at.key("greeting"),
                format!("a caller would wait too long; use at most {LONGEST_GREETING} characters"),
            );
        }
        for (key, engines) in [("hear", &form.hear), ("speak", &form.speak)] {
            if engines.is_empty() {
                self.refuse(&at.key(key), "this names no engine; write [\"local\"]".to_string());
            }
        }
        let mut intake = self.intake(form, at)?.in_country(country);
        if let Some(services) = &form.services {
            intake = self.taken(intake.only(services), &at.key("services"))?;
        }
        if let Some(words) = &form.prices {
            intake = intake.with_price(words);
        }
        Some(Assistant {
            greeting: Greeting::of(&greeting::complete(&own, keeping)),
            voice: form.voice.name().to_string(),
            intake: Arc::new(intake),
        })
    }

    /// A template of the house by its name, else a file beside this one.
    fn intake(&mut self, form: &AssistantForm, at: &At) -> Option<Template> {
        let at = at.key("intake");
        let name = match (&form.intake, self.file.business.trade) {
            (Some(name), _) => name.clone(),
            (None, Some(trade)) => trade.template().to_string(),
            (None, None) => {
                let says = "it is not known what to ask; write intake = \"plumbing\", or trade = \"plumbing\" in [business]";
                self.refuse(&at, says.to_string());
                return None;
            }
        };
        if let Some(template) = Template::built_in(&name) {
            return Some(template);
        }
        if !name.ends_with(".toml") {
            let right = instead(&name, &Trade::TEMPLATES, "");
            self.refuse(
                &at,
                format!("{name:?} is no intake of this desk and no file that ends in .toml; {right}"),
            );
            return None;
        }
        let path = self.around.directory.join(&name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                self.refuse(
                    &at,
                    format!("the intake {} cannot be read: {}", path.display(), values::plain(&error)),
                );
                return None;
            }
        };
        match Template::parse(&text) {
            Ok(template) => Some(template),
            Err(error) => {
                self.refuse(&at, format!("the intake {} cannot be used: {error}", path.display()));
                None
            }
        }
    }

    fn calendars(&mut self, offices: &BTreeMap<String, Office>) -> Vec<CalendarSettings> {
        let at = At::top().key("calendar");
        let forms = self.file.calendar.iter().enumerate();
        forms.filter_map(|(index, form)| self.calendar(form, offices, &at.item(index))).collect()
    }

    fn calendar(
        &mut self,
        form: &CalendarForm,
        offices: &BTreeMap<String, Office>,
        at: &At,
    ) -> Option<CalendarSettings> {
        let CalendarKind::Local = form.kind;
        let office = self.office_named(form.office.as_deref(), &at.key("office"));
        let visit = self.within(&form.visit, ("5m", "24h"), &at.key("visit"));
        let lead = self.within(&form.lead, ("0s", "30d"), &at.key("lead"));
        let horizon = self.within(&form.horizon, ("1d", "120d"), &at.key("horizon"));
        if horizon <= lead && !horizon.is_zero() {
            let says = "nothing can be offered: visits end before they may begin; make it longer than `lead`";
            self.refuse(&at.key("horizon"), says.to_string());
        }
        let hours = offices.get(&office?)?.hours.clone();
        let busy = self.busy(form, hours.zone(), &at.key("busy"));
        let rules = DiaryRules {
            tenant: self.file.business.name.trim().to_string(),
            calendar: form.name.clone(),
            hours,
            visit,
            lead,
            horizon,
            crews: form.crews,
            offers: OFFERS,
        };
        Some(CalendarSettings { rules, busy })
    }

    /// The file of times already taken, if there is one and it was understood: what is unknown is never free.
    fn busy(&mut self, form: &CalendarForm, zone: &TimeZone, at: &At) -> Option<PathBuf> {
        let path = self.around.directory.join(form.busy.as_deref()?);
        let read = std::fs::metadata(&path).and_then(|file| file.modified());
        let modified =
            read.map_err(|error| format!("{} cannot be read: {}", path.display(), values::plain(&error)));
        let modified = self.taken(modified, at)?;
        let understood = LocalCalendar::new(&path, zone.clone()).refresh(modified);
        self.taken(understood, at)?;
        Some(path)
    }

    /// The office named, or the only one there is.
    pub(super) fn office_named(&mut self, name: Option<&str>, at: &At) -> Option<String> {
        let offices: Vec<&str> = self.file.office.iter().map(|one| one.name.as_str()).collect();
        self.one_of(name, &offices, "office", at)
    }

    /// The name written if it leads somewhere; without one, the only one there is.
    pub(super) fn one_of(
        &mut self,
        name: Option<&str>,
        known: &[&str],
        kind: &str,
        at: &At,
    ) -> Option<String> {
        let mut known = known.to_vec();
        known.dedup();
        match (name, known.as_slice()) {
            (Some(name), known) => self.leads(name, known, kind, at),
            (None, [only]) => Some((*only).to_string()),
            // That there is none at all is told once, where it is missing.
            (None, []) => None,
            (None, [_, ..]) => {
                let known = super::refusal::listed(&known);
                self.refuse(at, format!("there are several, so this must name one; known are {known}"));
                None
            }
        }
    }

    fn leads(&mut self, name: &str, known: &[&str], kind: &str, at: &At) -> Option<String> {
        if known.contains(&name) {
            return Some(name.to_string());
        }
        let right = instead(name, known, &format!("add a [[{kind}]] of this name"));
        self.refuse(at, format!("there is no {kind} named {name:?}; {right}"));
        None
    }

    pub(super) fn each<T>(
        &mut self,
        texts: &[String],
        at: &At,
        read: fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut values = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            values.extend(self.taken(read(text), &at.item(index)));
        }
        values
    }

    /// A duration within bounds; zero stands in for one at fault.
    pub(super) fn within(&mut self, text: &str, (least, most): (&str, &str), at: &At) -> Duration {
        self.taken(values::duration_within(text, least, most), at).unwrap_or_default()
    }

    /// The value, or its error told at its place.
    pub(super) fn taken<T, E: ToString>(&mut self, read: Result<T, E>, at: &At) -> Option<T> {
        read.map_err(|error| self.refuse(at, error.to_string())).ok()
    }

    pub(super) fn secret(&mut self, text: &str, at: &At) -> Option<Private<String>> {
        let read = values::secret(text, self.file.allow_plain_secrets, self.around);
        self.taken(read, at).map(Private::new)
    }

    pub(super) fn refuse(&mut self, at: &At, says: String) {
        self.refusals.push(self.document.refusal(at, says));
    }

    /// Everybody and everything a ring step can name, by kind.
    pub(super) fn ringable(&self) -> [(&'static str, BTreeSet<&str>); 3] {
        [
            ("person", self.file.person.iter().map(|one| one.name.as_str()).collect()),
            ("office", self.file.office.iter().map(|one| one.name.as_str()).collect()),
            ("rota", self.file.rota.iter().map(|one| one.name.as_str()).collect()),
        ]
    }
}

/// The zone that is named after a city, written as one says it.
fn zone_of_city<'k>(city: &str, mut known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let city = city.trim().replace(' ', "_");
    known.find(|zone| zone.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&city)))
}

/// Long enough for a law firm's partners; short enough for a table in a terminal.
const LONGEST_NAME: usize = 64;
/// About 45 s of speech; nobody listens longer before being asked.
const LONGEST_GREETING: usize = 600;
/// Interfaces of one machine.
const MOST_LISTENERS: usize = 8;
/// Three slots fit into one sentence that a caller remembers.
const OFFERS: usize = 3;
