//! What words and phrases are to the grammar.

use chrono::Weekday;

use super::expr::Expr;
use super::said::{DayPart, Length, Unit};

macro_rules! roles {
    ($($role:ident $name:literal),* $(,)?) => {
        /// A role that a piece of the text can play; a piece can play several.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Role { $($role),* }

        impl Role {
            /// The roles with their names in patterns.
            pub(super) const NAMES: &[(&str, Role)] = &[$(($name, Role::$role)),*];
        }
    };
}

roles! {
    // what is not a word of time
    Other "other", End "end", Dot ".", Comma ",", Colon ":", Dash "-", Slash "/", Plus "+",
    Quote "'", Open "(", Number "№", Stop "stop", Quantity "things", Amount "amount", Broken "broken",
    Good "good", Cannot "cannot", Verb "verb", Change "change",
    // numbers, by what they can be
    Num "num", Word "spelled", Hour "h", DayOfMonth "d", MonthNumber "m", Two "00", Padded "0h", Minute "mm",
    Year "yyyy", HourMinute "hhmm", Small "small", Ord "ord", DateOrd "nth", DigitOrd "1st",
    OneAndHalf "1.5", Half "half", EnHalf "en-half", HalfTo "half-to", HalfUnit "half-unit", DateEnding "th", Ending "ending", Cardinal "cardinal", Busy "busy", Unable "unable", Quarter "quarter", Article "a",
    LetterA "letter-a", LetterP "letter-p", LetterM "letter-m",
    // names
    Weekday "weekday", Unsure "unsure", Month "month", Unit "unit", HourUnit "hour", MinuteUnit "minute", DayUnit "day",
    WeekUnit "week", MonthUnit "months", YearUnit "year", Part "part", Noon "noon", Midnight "midnight", Rel "rel",
    Now "now", Weekend "weekend", Workdays "workdays", Any "any", Portion "portion", DateWord "date-word",
    AmPm "ampm", OClock "oclock", Holiday "holiday", Season "season", NewYear "new", HalfDay "half-day", Work "work",
    // little words
    In "in", Inside "inside", On "on", For "for", From "from", Between "between", Until "until", To "to", Up "up", By "by", After "after",
    Before "before", Ahead "ahead", Ago "ago", About "about", Without "without", Past "past", And "and", Or "or",
    Not "not", Except "except", Only "only", Sooner "sooner", Later "later", This "this", Next "next", Last "last",
    Coming "coming", That "that", The "the", Than "than", Of "of", Within "within", Course "course",
    // phrases
    Expr "expr", Date "date", Clock "clock", Time "time", DayPart "dp", Length "length", Many "many", Ruled "ruled",
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Roles(u128);

impl Roles {
    pub(super) const fn of(roles: &[Role]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < roles.len() {
            bits |= 1 << (roles[at] as u8);
            at += 1;
        }
        Self(bits)
    }

    pub(super) fn add(&mut self, role: Role) {
        self.0 |= Self::of(&[role]).0;
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn has(self, role: Role) -> bool {
        self.meet(Self::of(&[role]))
    }
}

/// A word that the grammar knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Word {
    /// A number in digits or, with no digits, in letters.
    Num {
        value: u32,
        digits: u8,
    },
    /// An ordinal: in digits ("5-го"), in a form that dates have ("пятого"), or another ("пятый").
    Ord {
        value: u32,
        form: Form,
    },
    /// "полвосьмого".
    HalfTo(u32),
    /// "полчаса".
    HalfUnit(Unit),
    Weekday(Weekday, Sure),
    Month(u32, Sure),
    Unit(Unit, Case),
    Part(DayPart),
    /// "tonight".
    Tonight,
    /// Days from today.
    Rel(i64),
    /// Which one: 0 this, 1 the next, -1 the last.
    Which(Role, i32),
    Portion(Portion),
    Holiday(u32, u32),
    /// By its first month.
    Season(u32),
    Pm(bool),
    Role(Role),
}

/// How an ordinal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Digits,
    Date,
    Plain,
}

/// Whether a word is a date word by itself: "may", "sun" and «марте» can be others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    Yes,
    No,
}

/// The forms of units that mean more than the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// «дня» (also a part of the day), «час» (also one o'clock), «неделе» (this one).
    Telling,
    /// «часов» (five o'clock rather than five hours).
    Many,
    Plain,
}

/// A piece of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Portion {
    Begin,
    Middle,
    End,
}

/// What a piece of the text is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sym {
    Word(Word),
    Expr(Box<Expr>),
    Length(Length),
}

impl Sym {
    /// The roles it can play.
    pub(super) fn roles(&self) -> Roles {
        match self {
            Self::Word(word) => word.roles(),
            Self::Expr(expr) => expr.roles(),
            Self::Length(_) => Roles::of(&[Role::Length]),
        }
    }

    pub(super) fn role(role: Role) -> Self {
        Self::Word(Word::Role(role))
    }
}

impl Word {
    fn roles(self) -> Roles {
        match self {
            Self::Num { value, digits } => number_roles(value, digits),
            Self::Ord { form, .. } => match form {
                Form::Digits => Roles::of(&[Role::Ord, Role::DigitOrd, Role::DateOrd]),
                Form::Date => Roles::of(&[Role::Ord, Role::DateOrd]),
                Form::Plain => Roles::of(&[Role::Ord]),
            },
            Self::HalfTo(_) => Roles::of(&[Role::HalfTo]),
            Self::HalfUnit(_) => Roles::of(&[Role::HalfUnit]),
            Self::Weekday(_, Sure::Yes) => Roles::of(&[Role::Weekday]),
            Self::Weekday(_, Sure::No) => Roles::of(&[Role::Weekday, Role::Unsure]),
            Self::Month(_, Sure::Yes) => Roles::of(&[Role::Month]),
            Self::Month(_, Sure::No) => Roles::of(&[Role::Month, Role::Unsure]),
            Self::Unit(unit, case) => {
                let mut roles = Roles::of(&[Role::Unit, unit_role(unit)]);
                if case == Case::Many {
                    roles.add(Role::Many);
                }
                if (unit, case) == (Unit::Day, Case::Telling) {
                    roles.add(Role::Part);
                }
                roles
            }
            Self::Part(_) => Roles::of(&[Role::Part]),
            Self::Tonight | Self::Rel(_) => Roles::of(&[Role::Rel]),
            Self::Which(role, _) | Self::Role(role) => Roles::of(&[role]),
            Self::Portion(_) => Roles::of(&[Role::Portion]),
            Self::Holiday(..) => Roles::of(&[Role::Holiday]),
            Self::Season(_) => Roles::of(&[Role::Season]),
            Self::Pm(_) => Roles::of(&[Role::AmPm]),
        }
    }
}

fn unit_role(unit: Unit) -> Role {
    match unit {
        Unit::Second => Role::Unit,
        Unit::Minute => Role::MinuteUnit,
        Unit::Hour => Role::HourUnit,
        Unit::Day => Role::DayUnit,
        Unit::Week => Role::WeekUnit,
        Unit::Month => Role::MonthUnit,
        Unit::Year => Role::YearUnit,
    }
}

fn number_roles(value: u32, digits: u8) -> Roles {
    let mut roles = Roles::of(&[Role::Num]);
    let tests = [
        (Role::Word, digits == 0),
        (Role::Hour, value <= 24 && digits <= 2),
        (Role::DayOfMonth, (1..=31).contains(&value) && digits <= 2),
        (Role::MonthNumber, (1..=12).contains(&value) && digits <= 2),
        (Role::Two, digits == 2),
        (Role::Padded, digits == 2 && value < 10),
        (Role::Minute, digits == 2 && value < 60),
        (Role::Year, digits == 4 && (1900..=2100).contains(&value)),
        (
            Role::HourMinute,
            digits == 4 && value / 100 < 24 && value % 100 < 60,
        ),
        (Role::Small, value < 1000),
    ];
    for (role, holds) in tests {
        if holds {
            roles.add(role);
        }
    }
    roles
}

/// A piece of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after its last.
    pub(super) end: usize,
    /// Nothing stands between it and the piece before.
    pub(super) glued: bool,
    /// What it is.
    pub(super) sym: Sym,
    /// The roles it can play.
    pub(super) roles: Roles,
}
