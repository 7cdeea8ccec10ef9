//! The E-model written out in full, to be compared with what a leg says of its call: ITU-T G.107 (06/2015), every parameter
//! at the default of its table 2 but delay and loss; Bpl of G.711 with concealment from G.113 appendix I.

/// Mean opinion score of a narrowband call: how long sound takes from mouth to ear, and what share of it is lost at random.
pub fn mos(mouth_to_ear_ms: f64, loss_ratio: f64) -> f64 {
    let rating =
        (signal_to_noise() - simultaneous() - delay(mouth_to_ear_ms) - loss(loss_ratio)).clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5)
}

const SLR: f64 = 8.0;
const RLR: f64 = 2.0;
const STMR: f64 = 15.0;
const LSTR: f64 = 18.0;
const DS: f64 = 3.0;
const TELR: f64 = 65.0;
const WEPL: f64 = 110.0;
const ROOM: f64 = 35.0;
const QDU: f64 = 1.0;
const BPL: f64 = 25.1;

fn power(db: f64) -> f64 {
    10f64.powf(db / 10.0)
}

/// No, equations 7-3 to 7-7.
fn noise() -> f64 {
    let olr = SLR + RLR;
    let circuit = -70.0;
    let sending = ROOM - SLR - DS - 100.0 + 0.004 * (ROOM - olr - DS - 14.0).powi(2);
    let effective = ROOM + 10.0 * (1.0 + power(10.0 - LSTR)).log10();
    let receiving = RLR - 121.0 + effective + 0.008 * (effective - 35.0).powi(2);
    let floor = -64.0 + RLR;
    10.0 * (power(circuit) + power(sending) + power(receiving) + power(floor)).log10()
}

/// Ro, equation 7-2.
fn signal_to_noise() -> f64 {
    15.0 - 1.5 * (SLR + noise())
}

/// Is, equations 7-8 to 7-17.
fn simultaneous() -> f64 {
    let loud = SLR + RLR + 0.2 * (64.0 + noise() - RLR);
    let loudness = 20.0 * ((1.0 + (loud / 8.0).powi(8)).powf(1.0 / 8.0) - loud / 8.0);
    let side = STMR;
    let sidetone = 12.0 * (1.0 + ((side - 13.0) / 6.0).powi(8)).powf(1.0 / 8.0)
        - 28.0 * (1.0 + ((side + 1.0) / 19.4).powi(35)).powf(1.0 / 35.0)
        - 13.0 * (1.0 + ((side - 3.0) / 33.0).powi(13)).powf(1.0 / 13.0)
        + 29.0;
    let q = 37.0 - 15.0 * QDU.log10();
    let g = 1.07 + 0.258 * q + 0.0602 * q * q;
    let y = (signal_to_noise() - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0;
    let z = 46.0 / 30.0 - g / 40.0;
    loudness + sidetone + 15.0 * (1.0 + 10f64.powf(y) + 10f64.powf(z)).log10()
}

/// Id, equations 7-18 to 7-28.
fn delay(one_way_ms: f64) -> f64 {
    let t = one_way_ms;
    let roe = -1.5 * (noise() - RLR);
    let echo = TELR - 40.0 * ((1.0 + t / 10.0) / (1.0 + t / 150.0)).log10() + 6.0 * (-0.3 * t * t).exp();
    let re = 80.0 + 2.5 * (echo - 14.0);
    let talker = ((roe - re) / 2.0 + ((roe - re).powi(2) / 4.0 + 100.0).sqrt() - 1.0) * (1.0 - (-t).exp());
    let rle = 10.5 * (WEPL + 7.0) * (2.0 * t + 1.0).powf(-0.25);
    let ro = signal_to_noise();
    let listener = (ro - rle) / 2.0 + ((ro - rle).powi(2) / 4.0 + 169.0).sqrt();
    let absolute = if t <= 100.0 {
        0.0
    } else {
        let x = (t / 100.0).log2();
        25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
    };
    talker + listener + absolute
}

/// Ie,eff, equation 7-29 with bursts no longer than chance makes them.
fn loss(ratio: f64) -> f64 {
    let percent = ratio * 100.0;
    95.0 * percent / (percent + BPL)
}
