//! Every sentence the bot says by itself, from `config/texts/{ru,en}.ftl`.
//!
//! A phrase that a file lacks, a variable nobody fills in, and a key nobody says are problems
//! at the start, so that a customer never meets them.
//!
//! A phrase may have two attributes: `.informal`, how it sounds to whom one says «ты», and `.emoji`,
//! what may stand at its end. The firm's tone chooses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::business::{Address, Tone};
use crate::content::Files;
use crate::experiments::Trial;
use crate::source_text::{SourceText, nearest};
use crate::words::Language;
use zapis_core::config::Problem;

macro_rules! phrases {
    ($($(#[$doc:meta])* $name:ident = $key:literal [$($variable:literal),*];)*) => {
        /// What the bot can say by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Phrase {
            $($(#[$doc])* $name,)*
        }

        impl Phrase {
            /// Every phrase.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its key in the files.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }

            /// The variables it is given and must use.
            pub const fn variables(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($variable),*],)*
                }
            }
        }
    };
}

phrases! {
    /// The first words of a conversation, with what the bot can do.
    Greeting = "greeting" ["salon"];
    /// A greeting before an answer, or when one is greeted again.
    Hello = "hello" [];
    /// What the bot can do.
    Capabilities = "capabilities" [];
    /// After thanks.
    Welcome = "welcome" [];
    /// After a goodbye.
    Goodbye = "goodbye" [];
    /// The customer asked for a person.
    CallingPerson = "calling-person" [];
    /// The answer is not in the knowledge base.
    CheckWithManager = "check-with-manager" [];
    /// The customer is unhappy.
    ComplaintHeard = "complaint-heard" [];
    /// The customer wants money back.
    RefundHeard = "refund-heard" [];
    /// A question for a doctor or a specialist.
    MedicalQuestion = "medical-question" [];
    /// The customer wants to book.
    BookingWish = "booking-wish" [];
    /// The customer wants to move a visit.
    RescheduleWish = "reschedule-wish" [];
    /// The customer wants to cancel a visit.
    CancelWish = "cancel-wish" [];
    /// Two misunderstandings in a row.
    GivingUp = "giving-up" [];
    /// A message that waited too long to be answered as if it were fresh.
    LateAnswer = "late-answer" [];
    /// The customer declined something.
    Noted = "noted" [];
    /// An answer waits for a person to approve it.
    CheckingAnswer = "checking-answer" [];
    /// Nobody has approved it in time.
    StillChecking = "still-checking" [];
    /// The firm wants a person to answer this.
    PersonAnswers = "person-answers" [];
    /// Personal data or papers: a person decides.
    PersonDecides = "person-decides" [];
    /// Somebody is there.
    PromiseNow = "promise-now" [];
    /// Nobody is there until the moment.
    PromiseLater = "promise-later" ["moment"];
    /// Nobody is there and no working time is in sight.
    PromiseSometime = "promise-sometime" [];
    /// A moment today.
    MomentToday = "moment-today" ["time"];
    /// A moment tomorrow.
    MomentTomorrow = "moment-tomorrow" ["time"];
    /// A moment on another day.
    MomentDay = "moment-day" ["day", "time"];
    /// More was written while an administrator is awaited.
    AddedToRequest = "added-to-request" [];
    /// The bot did not understand.
    Unclear = "unclear" [];
    /// The customer insults.
    StayCalm = "stay-calm" [];
    /// Several entries could be meant.
    WhichOne = "which-one" [];
    /// No advertising any more.
    OptedOut = "opted-out" [];
    /// An attempt to make the bot do something else.
    Refusal = "refusal" [];
    /// Not the salon's business.
    Offtopic = "offtopic" [];
    /// Small talk.
    Smalltalk = "smalltalk" [];
    /// A voice message came.
    PleaseWriteVoice = "please-write-voice" [];
    /// A picture, file or place came without words.
    PleaseWriteMedia = "please-write-media" [];
    /// A phone or contact card came.
    ContactReceived = "contact-received" [];
    /// Today's opening hours.
    OpenToday = "open-today" ["hours"];
    /// Opening hours of a day.
    OpenOn = "open-on" ["day", "hours"];
    /// Closed on a day.
    ClosedOn = "closed-on" ["day"];
    /// Closed today.
    ClosedToday = "closed-today" [];
    /// Which service to book.
    VisitWhichService = "visit-which-service" [];
    /// Which of several services.
    VisitWhichOfServices = "visit-which-of-services" [];
    /// A person does not do the service.
    VisitNotDoneBy = "visit-not-done-by" ["service", "person", "others"];
    /// Times that are free.
    VisitOffer = "visit-offer" ["what"];
    /// Times near the one that was wished.
    VisitNearest = "visit-nearest" ["what"];
    /// Times instead of one that was taken meanwhile.
    VisitInstead = "visit-instead" ["what"];
    /// Which of the times.
    VisitChoose = "visit-choose" [];
    /// A time is kept free.
    VisitKeeping = "visit-keeping" ["visit"];
    /// Which day and time.
    VisitAskTime = "visit-ask-time" [];
    /// Nothing is free.
    VisitNothingFree = "visit-nothing-free" ["days"];
    /// What the words mean.
    VisitDoubt = "visit-doubt" [];
    /// Consent to the processing of personal data.
    VisitConsent = "visit-consent" ["salon", "version"];
    /// No booking without consent.
    VisitNoConsent = "visit-no-consent" [];
    /// The name.
    VisitName = "visit-name" [];
    /// The phone.
    VisitPhone = "visit-phone" [];
    /// That is no phone.
    VisitBadPhone = "visit-bad-phone" [];
    /// All of a visit before it is booked.
    VisitReadBack = "visit-read-back" ["visit", "name", "phone"];
    /// All of a visit before it is moved.
    VisitReadMove = "visit-read-move" ["visit", "name", "phone"];
    /// What is to be changed.
    VisitWhatToChange = "visit-what-to-change" [];
    /// One service of a visit.
    VisitItem = "visit-item" ["service", "person", "price"];
    /// It is booked.
    VisitBooked = "visit-booked" ["visit", "address", "hours"];
    /// It is moved.
    VisitMoved = "visit-moved" ["visit", "address", "hours"];
    /// It is cancelled.
    VisitCancelled = "visit-cancelled" ["visit"];
    /// Whether to cancel.
    VisitAskCancel = "visit-ask-cancel" ["visit"];
    /// It stays.
    VisitKept = "visit-kept" ["visit"];
    /// Which booking.
    VisitWhichBooking = "visit-which-booking" [];
    /// The customer's bookings.
    VisitMine = "visit-mine" [];
    /// There is no booking.
    VisitNone = "visit-none" [];
    /// Too late to change it alone.
    VisitTooLate = "visit-too-late" ["visit", "hours"];
    /// It has changed meanwhile.
    VisitChanged = "visit-changed" ["visit"];
    /// The customer comes.
    VisitConfirmed = "visit-confirmed" ["visit"];
    /// Thanks for a rating.
    VisitRated = "visit-rated" [];
    /// Not any more.
    VisitDropped = "visit-dropped" [];
    /// On the waiting list.
    VisitWaiting = "visit-waiting" ["what", "minutes"];
    /// Still on it.
    VisitStillWaiting = "visit-still-waiting" [];
    /// Not any more.
    VisitWaitsNoMore = "visit-waits-no-more" [];
    /// A time became free.
    VisitFreed = "visit-freed" ["visit", "until"];
    /// It is not any more.
    VisitOfferOver = "visit-offer-over" [];
    /// Likewise, but others are waited for.
    VisitOfferOverWaits = "visit-offer-over-waits" [];
    /// Onto the waiting list.
    ButtonWait = "button-wait" [];
    /// Takes the time.
    ButtonTake = "button-take" [];
    /// Not this one.
    ButtonPass = "button-pass" [];
    /// Off the waiting list.
    ButtonLeave = "button-leave" [];
    /// Another time.
    ButtonOtherTime = "button-other-time" [];
    /// The firm cannot keep a visit.
    VisitApology = "visit-apology" ["visit"];
    /// The firm cannot keep a visit, and knows other times.
    VisitApologyTimes = "visit-apology-times" ["visit", "times"];
    /// Agrees.
    ButtonAgree = "button-agree" [];
    /// Does not agree.
    ButtonDisagree = "button-disagree" [];
    /// Book it.
    ButtonBookYes = "button-book-yes" [];
    /// Move it.
    ButtonMoveYes = "button-move-yes" [];
    /// Change something.
    ButtonChange = "button-change" [];
    /// Cancel it.
    ButtonCancelYes = "button-cancel-yes" [];
    /// Keep it.
    ButtonKeep = "button-keep" [];
    /// Move it.
    ButtonMove = "button-move" [];
    /// Cancel it.
    ButtonCancel = "button-cancel" [];
    /// Book again.
    ButtonBookAgain = "button-book-again" [];
    /// To the staff: the firm wants a person to answer this.
    ReasonPolicy = "reason-policy" [];
    /// To the staff: nobody approved the bot's answer.
    ReasonDraftExpired = "reason-draft-expired" [];
    /// To the staff: the bot's answer was rejected.
    ReasonDraftRejected = "reason-draft-rejected" [];
    /// To the staff: asked for a person.
    ReasonPerson = "reason-person" [];
    /// To the staff: not in the knowledge base.
    ReasonNotKnown = "reason-not-known" [];
    /// To the staff: an unhappy customer.
    ReasonComplaint = "reason-complaint" [];
    /// To the staff: money back.
    ReasonRefund = "reason-refund" [];
    /// To the staff: health.
    ReasonMedical = "reason-medical" [];
    /// To the staff: wants to book.
    ReasonBooking = "reason-booking" [];
    /// To the staff: wants to move a visit.
    ReasonReschedule = "reason-reschedule" [];
    /// To the staff: wants to cancel a visit.
    ReasonCancel = "reason-cancel" [];
    /// To the staff: not understood twice.
    ReasonNotUnderstood = "reason-not-understood" [];
    /// To the staff: personal data or papers.
    ReasonPapers = "reason-papers" [];
    /// To the staff: an old message.
    ReasonLate = "reason-late" [];
    /// Button: call a person.
    ButtonPerson = "button-person" [];
    /// Button: prices.
    ButtonPrices = "button-prices" [];
    /// Button: opening hours.
    ButtonHours = "button-hours" [];
    /// Button: address.
    ButtonAddress = "button-address" [];
    /// Button: book.
    ButtonBooking = "button-booking" [];
    /// After a price, where that is tried: whether to book.
    BookingInvite = "booking-invite" [];
    /// A visit is booked.
    RemindBooked = "remind-booked" ["visit"];
    /// The firm cancelled a visit.
    RemindCancelled = "remind-cancelled" ["visit"];
    /// A visit was moved by the firm.
    RemindMoved = "remind-moved" ["visit"];
    /// A visit comes near: will the customer come?
    RemindDayBefore = "remind-day-before" ["visit"];
    /// A visit comes near, and the customer has confirmed it.
    RemindConfirmed = "remind-confirmed" ["visit"];
    /// In the morning of a visit.
    RemindMorning = "remind-morning" ["visit", "address"];
    /// Shortly before a visit.
    RemindSoon = "remind-soon" ["visit"];
    /// After a visit, with marks to choose from.
    RemindThanks = "remind-thanks" ["salon"];
    /// After a visit that the customer missed.
    RemindMissed = "remind-missed" [];
    /// When it is time to come again.
    RemindReturn = "remind-return" ["what"];
    /// A message about a visit as an SMS, from a number that nobody knows.
    RemindSms = "remind-sms" ["text", "firm"];
    /// When a visit is: today.
    VisitToday = "visit-today" ["weekday", "date", "time"];
    /// When a visit is: tomorrow.
    VisitTomorrow = "visit-tomorrow" ["weekday", "date", "time"];
    /// When a visit is: another day.
    VisitDay = "visit-day" ["weekday", "date", "time"];
    /// What is done at a visit, and by whom.
    VisitWhat = "visit-what" ["services", "people"];
    /// To the staff: no message about a visit reached the customer.
    CallCustomer = "call-customer" ["name", "phone", "visit"];
    /// Likewise, that it is cancelled.
    CallCancelled = "call-cancelled" ["name", "phone", "visit"];
    /// Button: I shall come.
    ButtonConfirm = "button-confirm" [];
    /// A booking was left unfinished.
    NudgeBooking = "nudge-booking" [];
    /// The customer wanted to think.
    NudgeThinking = "nudge-thinking" [];
    /// Button: goes on with the booking.
    ButtonGoOn = "button-go-on" [];
    /// Button: not now.
    ButtonNotNow = "button-not-now" [];
}

/// What is said to the staff, or to customers outside of a turn, by name or beginning.
const ELSEWHERE: [&str; 18] = [
    "reason-",
    "call-",
    "remind-",
    "nudge-",
    "still-checking",
    "visit-today",
    "visit-tomorrow",
    "visit-day",
    "visit-what",
    "visit-freed",
    "visit-apology",
    "visit-apology-times",
    "button-take",
    "button-pass",
    "button-confirm",
    "button-go-on",
    "button-not-now",
    "button-leave",
];

impl Phrase {
    /// Whether it is only said in a turn of a dialogue, to the customer.
    pub(crate) fn is_of_dialogue(self) -> bool {
        let key = self.key();
        let is = |name: &&str| key == *name || (name.ends_with('-') && key.starts_with(*name));
        !ELSEWHERE.iter().any(is)
    }
}

/// How a phrase sounds to whom one says «ты».
pub(crate) const INFORMAL: &str = "informal";
/// What may stand at the end of a phrase.
pub(crate) const EMOJI: &str = "emoji";

/// The texts of every language, said in a tone.
#[derive(Clone)]
pub struct Texts {
    bundles: Arc<BTreeMap<Language, Bundle>>,
    tone: Tone,
    /// What is tried instead.
    trial: Option<Arc<Trial>>,
}

type Bundle = FluentBundle<FluentResource>;

impl fmt::Debug for Texts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Texts")
            .field("languages", &self.bundles.keys())
            .field("tone", &self.tone)
            .field("trial", &self.trial)
            .finish()
    }
}

impl Texts {
    /// The names of the files, one for each language.
    pub fn files() -> impl Iterator<Item = String> {
        let name = |language: Language| format!("texts/{}.ftl", language.code());
        Language::ALL.into_iter().map(name)
    }

    /// Reads `texts/ru.ftl` and `texts/en.ftl`, or says everything that is wrong with them.
    pub fn load(files: &Files) -> Result<Self, Vec<Problem>> {
        let mut bundles = BTreeMap::new();
        let mut problems = Vec::new();
        for (language, name) in Language::ALL.into_iter().zip(Self::files()) {
            let read = files.read(&name).map_err(|problem| vec![problem]);
            match read.and_then(|source| bundle(language, &source, Phrase::ALL)) {
                Ok(bundle) => {
                    bundles.insert(language, bundle);
                }
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(Self {
                bundles: Arc::new(bundles),
                tone: Tone::default(),
                trial: None,
            })
        } else {
            Err(problems)
        }
    }

    /// The same texts in a tone.
    #[must_use]
    pub fn in_tone(&self, tone: Tone) -> Self {
        Self {
            tone,
            ..self.clone()
        }
    }

    /// The same texts with those that are tried.
    #[must_use]
    pub(crate) fn trying(&self, trial: &Arc<Trial>) -> Self {
        Self {
            trial: Some(Arc::clone(trial)),
            ..self.clone()
        }
    }

    /// The tone they are said in.
    pub fn tone(&self) -> Tone {
        self.tone
    }

    /// A phrase in a language, with its variables filled in.
    pub fn say(&self, language: Language, phrase: Phrase, variables: &[(&str, &str)]) -> String {
        let trial = self.trial.as_ref();
        let tried = trial.and_then(|trial| trial.wording(language, phrase));
        let bundle = match &tried {
            Some(tried) => Some(&*tried.0),
            None => self.bundles.get(&language),
        };
        let Some((bundle, message)) =
            bundle.and_then(|bundle| Some((bundle, bundle.get_message(phrase.key())?)))
        else {
            return String::new();
        };
        let mut args = FluentArgs::new();
        for (name, value) in variables {
            args.set(*name, *value);
        }
        let attribute = |name| message.get_attribute(name).map(|found| found.value());
        let informal = attribute(INFORMAL).filter(|_| self.tone.address == Address::Informal);
        let emoji = attribute(EMOJI).filter(|_| self.tone.emoji);
        let patterns = informal.or(message.value()).into_iter().chain(emoji);
        let said = patterns.map(|pattern| {
            bundle
                .format_pattern(pattern, Some(&args), &mut Vec::new())
                .into_owned()
        });
        said.collect::<Vec<_>>().join(" ")
    }
}

/// Another wording of one phrase, to be tried.
#[derive(Clone)]
pub struct Tried(Arc<Bundle>);

impl fmt::Debug for Tried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tried")
    }
}

impl Tried {
    /// Reads what stands after `key =` in a file of texts, its attributes below it; or what is wrong with it.
    pub(crate) fn read(language: Language, phrase: Phrase, text: &str) -> Result<Self, Problem> {
        let lines = text.lines().map(|line| format!("\n    {}", line.trim()));
        let source = SourceText {
            file: String::new(),
            text: format!("{} ={}\n", phrase.key(), lines.collect::<String>()),
        };
        match bundle(language, &source, &[phrase]) {
            Ok(bundle) => Ok(Self(Arc::new(bundle))),
            Err(problems) => {
                let unreadable = || source.problem_at_line(0, "", "cannot be read", "");
                Err(problems.into_iter().next().unwrap_or_else(unreadable))
            }
        }
    }
}

/// The texts of a file, which must have these phrases.
fn bundle(
    language: Language,
    source: &SourceText,
    needed: &[Phrase],
) -> Result<Bundle, Vec<Problem>> {
    let resource = FluentResource::try_new(source.text.clone()).map_err(|(_, errors)| {
        let hint = "see https://projectfluent.org/fluent/guide";
        let told = errors
            .iter()
            .map(|error| source.problem(&error.pos, "fluent", &error.to_string(), hint));
        told.collect::<Vec<_>>()
    })?;
    let problems = check(source, needed);
    if !problems.is_empty() {
        return Err(problems);
    }
    let identifier: LanguageIdentifier = language.code().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).map_err(|errors| {
        errors
            .iter()
            .map(|error| source.problem_at_line(0, "fluent", &error.to_string(), ""))
            .collect::<Vec<_>>()
    })?;
    Ok(bundle)
}

/// A message of a file, or an attribute of one: its line and the variables it uses.
struct Message<'s> {
    key: &'s str,
    attribute: Option<&'s str>,
    line: usize,
    variables: Vec<&'s str>,
}

fn messages(text: &str) -> Vec<Message<'_>> {
    let mut messages: Vec<Message<'_>> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            continue;
        }
        let name = |text: &'_ str| text.find('=').map_or(text.len(), |end| end);
        let attribute = line.trim_start().strip_prefix('.');
        let begun = if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            Some((line[..name(line)].trim(), None))
        } else {
            let key = messages.last().map(|message| message.key);
            key.zip(attribute)
                .map(|(key, rest)| (key, Some(rest[..name(rest)].trim())))
        };
        if let Some((key, attribute)) = begun {
            messages.push(Message {
                key,
                attribute,
                line: at + 1,
                variables: Vec::new(),
            });
        }
        if let Some(message) = messages.last_mut() {
            message.variables.extend(variables(line));
        }
    }
    messages
}

fn variables(line: &str) -> impl Iterator<Item = &str> {
    line.split('$').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        &rest[..end.unwrap_or(rest.len())]
    })
}

fn check(source: &SourceText, needed: &[Phrase]) -> Vec<Problem> {
    let messages = messages(&source.text);
    let mut problems = Vec::new();
    for phrase in needed {
        if !messages.iter().any(|message| message.key == phrase.key()) {
            let hint = format!("add `{} = …`", phrase.key());
            problems.push(source.problem_at_line(0, phrase.key(), "is missing", &hint));
        }
    }
    for message in &messages {
        let Some(phrase) = Phrase::ALL
            .iter()
            .find(|phrase| phrase.key() == message.key)
        else {
            let hint = nearest(message.key, Phrase::ALL.iter().map(|phrase| phrase.key()));
            problems.push(source.problem_at_line(
                message.line,
                message.key,
                "is a text that nobody says",
                &hint,
            ));
            continue;
        };
        if let Some(attribute) = message.attribute
            && ![INFORMAL, EMOJI].contains(&attribute)
        {
            let name = format!("{}.{attribute}", message.key);
            let hint = nearest(attribute, [INFORMAL, EMOJI]);
            let text = "is nothing that a phrase has";
            problems.push(source.problem_at_line(message.line, &name, text, &hint));
            continue;
        }
        let given = match message.attribute {
            Some(EMOJI) => &[],
            _ => phrase.variables(),
        };
        for used in message
            .variables
            .iter()
            .filter(|used| !given.contains(used))
        {
            let text = format!("uses `${used}`, which it is not given");
            let hint = nearest(used, given.iter().copied());
            problems.push(source.problem_at_line(message.line, message.key, &text, &hint));
        }
        for unused in given
            .iter()
            .filter(|given| !message.variables.contains(given))
        {
            let text = format!("does not use `${unused}`");
            let hint = format!("write {{ ${unused} }} where it belongs");
            problems.push(source.problem_at_line(message.line, message.key, &text, &hint));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
