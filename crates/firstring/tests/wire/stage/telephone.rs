//! Telephones that somebody sits at: baresip and linphone, each with an account, told what to do line by line.
//!
//! They pick up by themselves when they are rung, say what a WAV file holds, and keep what they hear of each call.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::exchange::{Exchange, Family, Over, PASSWORD};
use super::waiting::comes_true;
use super::{peers, sound};

/// What stands before the sound of a WAV file of one codec, in bytes.
const WAVE_HEADER: usize = 44;

/// Whose telephone it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    Baresip,
    Linphone,
}

/// How its sound travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    InTheClear,
    /// By SRTP, or not at all.
    Encrypted,
}

/// What a telephone is from the start.
#[derive(Clone, Copy)]
pub struct Kind {
    pub make: Make,
    pub speaks: Speaks,
    /// What baresip offers and takes, liked best first, all of 8 kHz; linphone is told while it runs.
    pub codecs: &'static [Codec],
}

/// A codec that a telephone offers and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Pcmu,
    Pcma,
    G722,
    Opus,
}

impl Codec {
    /// Its place in linphone's own list.
    fn number(self) -> usize {
        match self {
            Codec::Opus => 0,
            Codec::Pcmu => 3,
            Codec::Pcma => 4,
            Codec::G722 => 6,
        }
    }

    /// Samples a second of what linphone hears in it.
    fn rate_hz(self) -> usize {
        match self {
            Codec::Pcmu | Codec::Pcma => sound::RATE,
            Codec::G722 => 2 * sound::RATE,
            Codec::Opus => 6 * sound::RATE,
        }
    }
}

/// What is listened to of everything that is kept of a call.
#[derive(Clone, Copy)]
struct Stretch {
    begins: usize,
    rate_hz: usize,
    /// It says back what it hears, and what it says is kept.
    said_back: bool,
}

impl Stretch {
    const FROM_THE_START: Stretch = Stretch { begins: 0, rate_hz: sound::RATE, said_back: false };
}

/// One telephone. It is thrown away when dropped.
pub struct Telephone {
    child: Child,
    told_to: ChildStdin,
    make: Make,
    /// Where the exchange is, as a URI's host and parameters.
    exchange: String,
    folder: PathBuf,
    calls: usize,
    codec: Codec,
    stretch: Stretch,
}

impl Telephone {
    /// Registers this number at the exchange, whose `authority.pem` lies beside it; says what `says` holds.
    pub fn registers(
        make: Make,
        number: &str,
        exchange: &Exchange,
        way: (Over, Family),
        says: &Path,
        beside: &Path,
    ) -> Telephone {
        let kind = Kind { make, speaks: Speaks::InTheClear, codecs: &[Codec::Pcmu] };
        Telephone::of(kind, number, exchange, way, says, beside)
    }

    /// The same, of any kind.
    pub fn of(
        kind: Kind,
        number: &str,
        exchange: &Exchange,
        (over, family): (Over, Family),
        says: &Path,
        beside: &Path,
    ) -> Telephone {
        let folder = beside.join(number);
        fs::create_dir(&folder).unwrap();
        let authority = beside.join("authority.pem");
        let at = format!("{};transport={}", exchange.at(over, family), over.name());
        let mut program = match kind.make {
            Make::Baresip => baresip((number, kind), &at, family, says, &authority, &folder),
            Make::Linphone => linphone((number, kind.speaks), &at, over, family, &authority, &folder),
        };
        let out = File::create(folder.join("told")).unwrap();
        program.current_dir(&folder).env("HOME", &folder).stdin(Stdio::piped());
        let mut child = program.stderr(out.try_clone().unwrap()).stdout(out).spawn().unwrap();
        let told_to = child.stdin.take().unwrap();
        let (codec, stretch) = (Codec::Pcmu, Stretch::FROM_THE_START);
        let mut telephone =
            Telephone { child, told_to, make: kind.make, exchange: at, folder, calls: 0, codec, stretch };
        if kind.make == Make::Linphone {
            telephone.is_told("soundcard use files");
            telephone.says(says);
        }
        telephone
    }

    /// Calls a number through the exchange.
    pub fn calls(&mut self, number: &str) {
        self.keeps_the_next_call();
        match self.make {
            Make::Baresip => self.is_told(&format!("/dial sip:{number}@{}", self.exchange)),
            Make::Linphone => self.is_told(&format!("call sip:{number}@example.com")),
        }
    }

    /// From now on it hears the next call. A call that comes in is picked up without being told to.
    pub fn keeps_the_next_call(&mut self) {
        self.calls += 1;
        self.stretch = Stretch::FROM_THE_START;
        if self.make == Make::Linphone {
            self.is_told(&format!("record {}", self.kept_by_linphone().display()));
        }
    }

    /// Puts whoever it talks to through to a number, and does not wait.
    pub fn transfers(&mut self, number: &str) {
        match self.make {
            Make::Baresip => self.is_told(&format!("/transfer sip:{number}@{}", self.exchange)),
            Make::Linphone => self.is_told(&format!("transfer sip:{number}@example.com")),
        }
    }

    /// Calls somebody beside the call that it has, which is held meanwhile. linphone only.
    pub fn asks_beside(&mut self, number: &str) {
        self.holds();
        self.is_told(&format!("call sip:{number}@example.com"));
    }

    /// Joins its first call with its second. linphone only; baresip of this age has no such key.
    pub fn joins_its_calls(&mut self) {
        self.is_told("transfer 1 --to-call 2");
    }

    /// Has whom its second call is with take its place in the first. linphone only.
    pub fn gives_its_place_away(&mut self) {
        self.is_told("transfer 2 --to-call 1");
    }

    /// Holds its call. With linphone, until the far end has agreed: before that it does not take the call up again.
    pub fn holds(&mut self) {
        match self.make {
            Make::Baresip => self.is_told("/hold"),
            Make::Linphone => {
                let paused = |said: String| said.matches("is now paused").count();
                let before = paused(self.has_said());
                self.is_told("pause");
                comes_true("the call is on hold", || paused(self.has_said()) > before);
            }
        }
    }

    /// Takes it up again. What it hears counts from now on.
    pub fn resumes(&mut self) {
        match self.make {
            Make::Baresip => {
                self.is_told("/resume");
                self.says_back();
            }
            Make::Linphone => {
                self.is_told("resume 1");
                self.listens_from_now_on(self.codec.rate_hz(), false);
            }
        }
    }

    /// Says back what it hears, which counts from now on. baresip only: 1.0 empties the chain of its filters when its call is on
    /// hold or changes its codec, and does not fill it again (`audio_decoder_set`), so it would keep nothing of what it hears
    /// after that. What it says is kept still.
    pub fn says_back(&mut self) {
        self.is_told("/ausrc aubridge,ear");
        self.listens_from_now_on(sound::RATE, true);
    }

    fn listens_from_now_on(&mut self, rate_hz: usize, said_back: bool) {
        self.stretch = Stretch { begins: 0, rate_hz, said_back };
        self.stretch.begins = self.kept().len();
    }

    /// Presses a key in its call. baresip only; it lets go of the key by itself.
    pub fn presses(&mut self, key: char) {
        write!(self.told_to, "{key}").unwrap();
    }

    /// The codecs that it has spoken in, one after the other, as baresip names them.
    pub fn has_spoken_in(&self) -> Vec<String> {
        let named = |line: &str| {
            let (_, codec) = line.split_once("audio: Set audio encoder: ")?;
            codec.split(' ').next().map(str::to_owned)
        };
        self.has_said().lines().filter_map(named).collect()
    }

    /// What it has told whoever sits at it.
    fn has_said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("told")).unwrap_or_default()).into_owned()
    }

    /// Offers and takes this codec only, from its next offer or answer on. linphone only.
    pub fn speaks_only(&mut self, codec: Codec) {
        self.codec = codec;
        self.is_told("codec disable all");
        self.is_told(&format!("codec enable {}", codec.number()));
    }

    /// Says what this WAV file holds from now on. linphone only.
    pub fn says(&mut self, what: &Path) {
        self.is_told(&format!("play {}", what.display()));
    }

    /// Puts the receiver down.
    pub fn hangs_up(&mut self) {
        self.is_told(match self.make {
            Make::Baresip => "/hangup",
            Make::Linphone => "terminate",
        });
    }

    /// Whether its first call has ended, without a fault that it tells of.
    pub fn has_let_go(&self) -> bool {
        let ended = |line: &str| match self.make {
            Make::Baresip => line.contains("terminated (duration: "),
            Make::Linphone => line.contains("Call 1 with ") && line.contains("ended (No error)"),
        };
        self.has_said().lines().any(ended)
    }

    /// What it has heard of its latest call so far, at 8 kHz; if it was held, since it was taken up again.
    pub fn heard(&self) -> Vec<i16> {
        let kept = self.kept();
        sound::at_8k(kept.get(self.stretch.begins..).unwrap_or_default(), self.stretch.rate_hz)
    }

    /// Everything that is kept of its latest call.
    fn kept(&self) -> Vec<i16> {
        let kept = match self.make {
            Make::Baresip => self.kept_by_baresip(),
            Make::Linphone => vec![self.kept_by_linphone()],
        };
        // Both fill in what stands before the sound when the call is over.
        let bytes = kept.into_iter().map(|kept| fs::read(kept).unwrap_or_default());
        let sounds: Vec<u8> =
            bytes.flat_map(|bytes| bytes.get(WAVE_HEADER..).unwrap_or_default().to_vec()).collect();
        sounds.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    /// The sndfile module writes a file for each call and each way of its sound, named by its time.
    fn kept_by_baresip(&self) -> Vec<PathBuf> {
        let way = if self.stretch.said_back { "-enc.wav" } else { "-dec.wav" };
        let files = fs::read_dir(&self.folder).unwrap().map(|file| file.unwrap().path());
        let mut kept: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(way)).collect();
        kept.sort();
        kept.into_iter().skip(self.calls - 1).collect()
    }

    fn kept_by_linphone(&self) -> PathBuf {
        self.folder.join(format!("call-{}.wav", self.calls))
    }

    fn is_told(&mut self, what: &str) {
        writeln!(self.told_to, "{what}").unwrap();
    }
}

impl Drop for Telephone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let told = self.has_said();
            let end = told.len().saturating_sub(3_000);
            eprintln!("--- {}\n{}", self.folder.display(), told.get(end..).unwrap_or(&told));
        }
    }
}

fn baresip(
    (number, kind): (&str, Kind),
    at: &str,
    family: Family,
    says: &Path,
    authority: &Path,
    folder: &Path,
) -> Command {
    // The codecs come before the account that names one of them.
    let modules = ["stdio", "g711", "srtp", "aufile", "aubridge", "sndfile", "menu", "account"];
    let modules: String = modules.iter().map(|name| format!("module {name}.so\n")).collect();
    let config = format!(
        "sip_listen {here}:0\nsip_cafile {authority}\nsip_verify_server yes\naudio_source aufile,{says}\n\
         audio_player aubridge,ear\naudio_channels 1-1\nausrc_srate 8000\nauplay_srate 8000\nsnd_path {kept}\n\
         module_path {from}\n{modules}",
        here = family.loopback(),
        authority = authority.display(),
        says = says.display(),
        kept = folder.display(),
        from = peers::module_path().display()
    );
    let codecs: Vec<String> =
        kind.codecs.iter().map(|codec| format!("{codec:?}/8000/1").to_uppercase()).collect();
    let encryption = if kind.speaks == Speaks::Encrypted { ";mediaenc=srtp-mand" } else { "" };
    let account = format!(
        "<sip:{number}@{at}>;auth_user={number};auth_pass={PASSWORD};answermode=auto;regint=60;audio_codecs={codecs}{encryption}\n",
        codecs = codecs.join(",")
    );
    for (name, text) in [("config", config.as_str()), ("accounts", &account), ("contacts", "")] {
        fs::write(folder.join(name), text).unwrap();
    }
    let mut baresip = Command::new("baresip");
    baresip.arg("-f").arg(folder);
    baresip
}

fn linphone(
    (number, speaks): (&str, Speaks),
    at: &str,
    over: Over,
    family: Family,
    authority: &Path,
    folder: &Path,
) -> Command {
    // It finds names in certificates and no addresses, and no name is sure to be of the newer family: there the authority
    // has to be proof enough. A port of -1 is any, of 0 none.
    let by_name = over == Over::Tls && family == Family::Four;
    let at = if by_name { at.replace(family.loopback(), "localhost") } else { at.to_owned() };
    let port = |of: Over| if of == over { -1 } else { 0 };
    let config = format!(
        "[sip]\nsip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port={tls}\nuse_ipv6={six}\nverify_server_certs=1\nverify_server_cn={named}\n\
         root_ca={authority}\nguess_hostname=1\ndefault_proxy=0\n{encryption}\
         [rtp]\naudio_rtp_port=-1\n\
         [proxy_0]\nreg_proxy=<sip:{at}>\nreg_route=<sip:{at}>\nreg_identity=sip:{number}@example.com\nreg_expires=60\n\
         reg_sendregister=1\npublish=0\n\
         [auth_info_0]\nusername={number}\nuserid={number}\npasswd={PASSWORD}\nrealm=example.com\ndomain=example.com\n",
        udp = port(Over::Udp),
        tcp = port(Over::Tcp),
        tls = port(Over::Tls),
        named = i32::from(by_name),
        six = i32::from(family == Family::Six),
        encryption = match speaks {
            Speaks::Encrypted => "media_encryption=srtp\nmedia_encryption_mandatory=1\n",
            Speaks::InTheClear => "",
        },
        authority = authority.display(),
    );
    fs::write(folder.join("linphonerc"), config).unwrap();
    fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
    let mut linphone = Command::new("linphonec");
    // Picks up by itself; says what it does, not each message.
    linphone.args(["-a", "-S", "-c"]).arg(folder.join("linphonerc"));
    linphone
}
