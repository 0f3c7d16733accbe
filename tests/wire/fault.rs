//! What goes wrong on the way, and how often.

/// What the proxy does to an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    InternalError,
    SlowDown,
    TooManyRequests,
    AccessDenied,
    WrongClock,
    /// The connection breaks before the request was read.
    BreaksBefore,
    /// It breaks in the middle of the request.
    BreaksInside,
    /// The server did what was asked, and nobody hears of it.
    AnswerLost,
    AnswerTorn,
    /// The answer says that it is longer than it is.
    LengthTooLong,
    /// A byte of an answer's body is another.
    BytesWrong,
    /// The request reaches the server twice.
    Twice,
    /// A listing ends early and says that it is complete.
    ListingCut,
    /// Two bytes, then a rest, and so on.
    Drip,
}

impl Fault {
    pub const ALL: [Self; 14] = [
        Self::InternalError,
        Self::SlowDown,
        Self::TooManyRequests,
        Self::AccessDenied,
        Self::WrongClock,
        Self::BreaksBefore,
        Self::BreaksInside,
        Self::AnswerLost,
        Self::AnswerTorn,
        Self::LengthTooLong,
        Self::BytesWrong,
        Self::Twice,
        Self::ListingCut,
        Self::Drip,
    ];

    /// An answer of the server's that nobody can see through, or that is worth no second try.
    pub fn is_an_answer(self) -> bool {
        matches!(
            self,
            Self::AccessDenied | Self::WrongClock | Self::BytesWrong | Self::ListingCut
        )
    }

    /// Status and code of an answer that the proxy makes itself.
    pub fn answer(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::InternalError => ("500 Internal Server Error", "InternalError"),
            Self::SlowDown => ("503 Slow Down", "SlowDown"),
            Self::TooManyRequests => ("429 Too Many Requests", "TooManyRequests"),
            Self::AccessDenied => ("403 Forbidden", "AccessDenied"),
            Self::WrongClock => ("403 Forbidden", "RequestTimeTooSkewed"),
            _ => return None,
        })
    }
}

/// How often, of the exchanges that it can be done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    Once,
    Thrice,
    OneInTen,
    Always,
}

impl When {
    pub const ALL: [Self; 4] = [Self::Once, Self::Thrice, Self::OneInTen, Self::Always];

    /// Whether it strikes; `number` counts the exchanges that it can be done to, from zero. Once and
    /// three times in a row it strikes in the middle of the run.
    pub fn strikes(self, number: u64, seed: u64) -> bool {
        let first = seed % 5;
        match self {
            Self::Once => number == first,
            Self::Thrice => (first..first + 3).contains(&number),
            Self::OneInTen => {
                let key = [number.to_le_bytes(), seed.to_le_bytes()].concat();
                blake3::hash(&key).as_bytes()[0] < 26
            }
            Self::Always => true,
        }
    }
}
