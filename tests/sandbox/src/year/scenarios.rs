//! What customers of a salon come with, and how it ends. Each scenario tells what its dialogues came to by itself.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use uuid::Uuid;
use zapis_core::event::Event;
use zapis_core::store::Status;

use super::pen::{Model, Pace, Pen, Slip, Thought};
use super::truth::{Ending, Planted, PlantedVerdict, PlantedVisit};
use super::{ARMS, LIFT, MASTERS, NO_SHOWS, local};

const QUESTIONS: [&str; 4] = ["price", "hours", "address", "service_info"];
const STAFF: [&str; 2] = ["Ольга", "Ирина"];

/// A customer's story: what she comes with first, and in a quarter of cases comes back with weeks later.
pub(super) fn story(
    pen: Pen<'_>,
    at: DateTime<Utc>,
) -> (Vec<(DateTime<Utc>, Event)>, Vec<Planted>) {
    let mut scene = Scene {
        pen,
        told: Vec::new(),
    };
    let mut at = at;
    loop {
        let end = scene.any(at);
        if !scene.pen.chance(0.25) {
            break;
        }
        at = end + TimeDelta::days(scene.pen.between(6, 60)) + scene.pen.minutes(0, 600);
    }
    (scene.pen.lines(), scene.told)
}

struct Scene<'a> {
    pen: Pen<'a>,
    told: Vec<Planted>,
}

impl Scene<'_> {
    /// One of all scenarios; gives when its last line is due.
    fn any(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        match self.pen.between(0, 99) {
            0..28 => self.asks(at, None),
            28..34 => self.asks_again(at),
            34..60 => self.books(at, None),
            60..70 => self.calls(at, "human", false),
            70..75 => self.calls(at, "complaint", true),
            75..84 => self.waits_for_approval(at),
            84..87 => self.hears_nothing(at),
            87..89 => self.is_written_to(at),
            89..92 => self.uses_two_messengers(at),
            92..93 => self.on_the_phone(at),
            _ => self.is_tried_out(at),
        }
    }

    fn thought(&mut self, intent: &'static str, model: Option<Model>) -> Thought {
        Thought {
            intent: Some(intent),
            sure: Some(self.pen.sure()),
            negative: false,
            model,
        }
    }

    /// A dialogue that begins with a message which the bot answers, and what is known of it so far.
    fn opens(&mut self, at: DateTime<Utc>, thought: Thought) -> (Planted, Uuid, Pace) {
        let pace = self.pen.pace();
        let turn = self.pen.turn(at, "text", thought, pace);
        self.pen.replies(turn, at + pace.sent, "sent");
        let mut one = Planted::new(&self.pen.conversation, self.pen.source, at);
        one.answered = true;
        one.bot_after = Some(pace.sent);
        one.last_at = at + pace.sent;
        one.intent = thought.intent;
        one.thought(&thought);
        (one, turn, pace)
    }

    /// It goes on with a message that the bot answers. Gives the turn and when it was decided.
    fn goes_on(
        &mut self,
        one: &mut Planted,
        after: TimeDelta,
        outcome: &str,
        thought: Thought,
    ) -> (Uuid, DateTime<Utc>) {
        let (at, pace) = (one.last_at + after, self.pen.pace());
        let turn = self.pen.turn(at, outcome, thought, pace);
        self.pen.replies(turn, at + pace.sent, "sent");
        one.last_at = at + pace.sent;
        one.thought(&thought);
        (turn, at + pace.decided)
    }

    /// Asks something, perhaps after a greeting, and leaves, perhaps with thanks.
    fn asks(&mut self, at: DateTime<Utc>, model: Option<Model>) -> DateTime<Utc> {
        let intent = self.pen.one_of(&QUESTIONS);
        let question = self.thought(intent, model);
        let first = self.pen.written();
        let mut one = if self.pen.chance(0.3) {
            let hello = self.thought("greeting", model);
            let (mut one, ..) = self.opens(at, hello);
            let after = self.pen.minutes(1, 3);
            self.goes_on(&mut one, after, "text", question);
            one
        } else {
            self.opens(at, question).0
        };
        one.intent = Some(intent);
        one.alone = true;
        one.ending = Some(Ending::Silent);
        if self.pen.chance(0.4) {
            let thanks = self.thought("thanks", model);
            let after = self.pen.minutes(1, 240);
            self.goes_on(&mut one, after, "text", thanks);
            one.ending = Some(Ending::Confirmed);
        } else if self.pen.chance(0.1) {
            let later = one.last_at + self.pen.minutes(1, 600);
            self.pen.stirs(later, "reaction");
        }
        if self.pen.chance(0.1) {
            let verdict = PlantedVerdict {
                right: self.pen.chance(0.8),
                tone: self.pen.chance(0.1),
                should_have_escalated: self.pen.chance(0.2),
            };
            let later = one.last_at + TimeDelta::days(self.pen.between(20, 40));
            self.pen.judges(first, later, verdict);
            one.verdict = Some(verdict);
        }
        let end = one.last_at;
        self.told.push(one);
        end
    }

    /// Asks once more one to three days later: the first answer did not help for long.
    fn asks_again(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        let first = self.told.len();
        let end = self.asks(at, None);
        self.told[first].ending = Some(Ending::Reopened);
        let hours = self.pen.between(25, 71);
        self.asks(end + TimeDelta::hours(hours), None)
    }

    /// Books alone; some move it at once, some call it off the next day.
    fn books(&mut self, at: DateTime<Utc>, model: Option<Model>) -> DateTime<Utc> {
        let (master, service, place) = self.pen.one_of(&MASTERS);
        let wish = self.thought("booking", model);
        let (mut one, ..) = self.opens(at, wish);
        let after = self.pen.minutes(1, 9);
        let pressed = Thought {
            model,
            ..Thought::default()
        };
        let (turn, decided) = self.goes_on(&mut one, after, "press", pressed);
        let days = self.pen.between(5, 20);
        let starts_at = noon(decided + TimeDelta::days(days));
        let mut slip = self.pen.books(turn, decided, (master, service), starts_at);
        one.alone = true;
        one.qualified = true;
        one.ending = Some(Ending::Confirmed);
        let mut visit = PlantedVisit::new((service, place), decided, starts_at);
        if self.pen.chance(0.8) {
            self.pen
                .enquires(decided + TimeDelta::seconds(20), "created");
        }
        if self.pen.chance(0.2) {
            let moves = self.thought("reschedule", model);
            let after = self.pen.minutes(5, 60);
            let (turn, decided) = self.goes_on(&mut one, after, "text", moves);
            slip.starts_at += TimeDelta::hours(2);
            visit.starts_at = slip.starts_at;
            let booked = Status::Booked;
            self.pen
                .changes(&mut slip, Some(turn), decided, "move_booking", booked);
        }
        one.visits.push(visit);
        let (first, end) = (self.told.len(), one.last_at);
        self.told.push(one);
        if self.pen.chance(0.1) {
            return self.calls_off(first, &mut slip, end);
        }
        if self.pen.chance(0.03) {
            let (at, off) = (end + TimeDelta::hours(30), Status::CancelledBySalon);
            self.pen.changes(&mut slip, None, at, "cancel_booking", off);
            self.told[first].visits[0].gone_at = Some(at);
            return at;
        }
        self.visits(first, slip)
    }

    /// Writes a day after she has booked that she will not come.
    fn calls_off(&mut self, first: usize, slip: &mut Slip, end: DateTime<Utc>) -> DateTime<Utc> {
        let thought = self.thought("cancel", None);
        let (mut one, turn, _) = self.opens(end + TimeDelta::hours(30), thought);
        let (at, off) = (one.last_at, Status::CancelledByCustomer);
        self.pen
            .changes(slip, Some(turn), at, "cancel_booking", off);
        one.alone = true;
        one.ending = Some(Ending::Confirmed);
        self.told.push(one);
        self.told[first].ending = Some(Ending::Reopened);
        self.told[first].visits[0].gone_at = Some(at);
        at
    }

    /// The day before, the day, and the day after a visit.
    fn visits(&mut self, first: usize, mut slip: Slip) -> DateTime<Utc> {
        let reminded = slip.starts_at - TimeDelta::hours(24);
        self.pen.reminds(&slip, reminded);
        let pressed_at = reminded + self.pen.minutes(1, 300);
        let confirms = self.pen.chance(0.6);
        if confirms {
            let turn = self.presses(pressed_at);
            let confirmed = Status::Confirmed;
            self.pen.changes(
                &mut slip,
                Some(turn),
                pressed_at,
                "confirm_booking",
                confirmed,
            );
            self.told[first].visits[0].confirmed = true;
        } else if self.pen.chance(0.1) {
            let turn = self.presses(pressed_at);
            let off = Status::CancelledByCustomer;
            self.pen
                .changes(&mut slip, Some(turn), pressed_at, "cancel_booking", off);
            self.told[first].visits[0].gone_at = Some(pressed_at);
            return pressed_at;
        }
        if self.pen.chance(0.1) {
            return slip.starts_at;
        }
        let (unsure, sure) = NO_SHOWS;
        let misses = self.pen.chance(if confirms { sure } else { unsure });
        self.told[first].visits[0].came = Some(!misses);
        let marked = slip.starts_at + self.pen.minutes(1, 60);
        if misses {
            self.told[first].visits[0].gone_at = Some(marked);
            let stayed_away = Status::NoShow;
            self.pen
                .changes(&mut slip, None, marked, "miss_booking", stayed_away);
            return marked;
        }
        let arrived = Status::Arrived;
        self.pen
            .changes(&mut slip, None, marked, "arrive_booking", arrived);
        if self.pen.chance(0.3) {
            return self.rates(&slip);
        }
        marked
    }

    /// A press of a button under a reminder: a dialogue, and no enquiry.
    fn presses(&mut self, at: DateTime<Utc>) -> Uuid {
        let pace = self.pen.pace();
        let turn = self.pen.turn(at, "press", Thought::default(), pace);
        self.pen.replies(turn, at + pace.sent, "sent");
        let mut one = Planted::new(&self.pen.conversation, self.pen.source, at);
        one.enquiry = false;
        self.told.push(one);
        turn
    }

    /// Presses stars; three and fewer call a person, and some say why.
    fn rates(&mut self, slip: &Slip) -> DateTime<Utc> {
        let at = slip.starts_at + TimeDelta::hours(26);
        self.pen.tells(at - TimeDelta::hours(1));
        let pace = self.pen.pace();
        let turn = self.pen.turn(at, "press", Thought::default(), pace);
        let stars = self.pen.one_of(&[5, 5, 5, 4, 4, 3, 2]);
        self.pen.rates(turn, at + pace.decided, slip, stars);
        self.pen.replies(turn, at + pace.sent, "sent");
        let mut one = Planted::new(&self.pen.conversation, self.pen.source, at);
        one.enquiry = false;
        one.stars = Some(stars);
        one.answered = true;
        one.bot_after = Some(pace.sent);
        one.last_at = at + pace.sent;
        if stars > 3 {
            self.told.push(one);
            return at;
        }
        self.pen.calls(turn, at + pace.decided);
        one.called_after = Some(pace.decided);
        if self.pen.chance(0.5) {
            let mut why = self.thought("complaint", None);
            why.negative = true;
            let after = self.pen.minutes(1, 5);
            self.goes_on(&mut one, after, "text", why);
            one.enquiry = true;
            one.intent = why.intent;
        }
        self.helped(one, 1)
    }

    /// A person is called, as a rule comes when the salon is open, and a complaint two have to deal with.
    fn calls(&mut self, at: DateTime<Utc>, intent: &'static str, negative: bool) -> DateTime<Utc> {
        let thought = Thought {
            negative,
            ..self.thought(intent, None)
        };
        let (mut one, turn, pace) = self.opens(at, thought);
        self.pen.calls(turn, at + pace.decided);
        one.called_after = Some(pace.decided);
        if self.pen.chance(0.3) {
            self.pen.enquires(at + TimeDelta::minutes(1), "joined");
            one.qualified = true;
        }
        if self.pen.chance(0.1) {
            let end = one.last_at;
            self.told.push(one);
            return end;
        }
        let people = if negative { 2 } else { 1 };
        self.helped(one, people)
    }

    /// People of the staff write, the customer thanks, and the bot gets the conversation back.
    fn helped(&mut self, mut one: Planted, people: usize) -> DateTime<Utc> {
        let asked = one.started_at + one.called_after.unwrap_or_default();
        let mut at = one.last_at.max(asked) + self.pen.minutes(1, 90);
        if !(9..21).contains(&local(at).hour()) {
            at = noon(at + TimeDelta::hours(12)) - TimeDelta::hours(3) + self.pen.minutes(0, 20);
        }
        if self.pen.chance(0.08) {
            // Olga was away; nobody else looked.
            at += TimeDelta::hours(48);
        }
        one.staff_after = Some(at - asked);
        one.answered = true;
        let from = usize::from(self.pen.chance(0.3));
        for n in 0..people {
            let who = STAFF[(from + n) % STAFF.len()];
            self.pen.person(who, at);
            one.staff.insert(who);
            one.last_at = at;
            at += self.pen.minutes(1, 30);
        }
        if self.pen.chance(0.5) {
            // She is not answered: a person has the conversation.
            let pace = self.pen.pace();
            self.pen.turn(at, "text", Thought::default(), pace);
            one.last_at = at;
            one.enquiry = true;
        }
        let end = at + TimeDelta::minutes(30);
        self.pen.gives_back(STAFF[from], end);
        self.told.push(one);
        end
    }

    /// A reply that a person lets through, mends, refuses or overtakes.
    fn waits_for_approval(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        let intent = self.pen.one_of(&QUESTIONS);
        let (thought, pace) = (self.thought(intent, None), self.pen.pace());
        let turn = self.pen.turn(at, "text", thought, pace);
        self.pen.draft(turn, at + pace.decided, "proposed", thought);
        let mut one = Planted::new(&self.pen.conversation, self.pen.source, at);
        one.intent = Some(intent);
        one.thought(&thought);
        let after = self.pen.minutes(1, 25);
        let fate = self
            .pen
            .one_of(&["sent", "sent", "sent", "edited", "rejected", "superseded"]);
        if fate == "superseded" {
            let turn = self.pen.person("Ирина", at + after);
            self.pen.draft(turn, at + after, fate, thought);
            self.pen
                .gives_back("Ирина", at + after + TimeDelta::minutes(30));
            one.staff.insert("Ирина");
            one.staff_after = Some(after);
        } else {
            let pace = self.pen.pace();
            self.pen.decides(at + after, fate, thought, pace);
            one.bot_after = Some(after);
            match fate {
                "sent" => one.drafts.sent += 1,
                "edited" => one.drafts.edited += 1,
                _ => {
                    one.drafts.rejected += 1;
                    one.bot_after = Some(after + pace.sent);
                    one.called_after = Some(after + pace.decided);
                }
            }
        }
        one.answered = true;
        one.last_at = at + after + TimeDelta::seconds(10);
        let end = one.last_at;
        self.told.push(one);
        end
    }

    /// The messenger refuses the answer, and nobody notices.
    fn hears_nothing(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        let intent = self.pen.one_of(&QUESTIONS);
        let (thought, pace) = (self.thought(intent, None), self.pen.pace());
        let turn = self.pen.turn(at, "text", thought, pace);
        self.pen.replies(turn, at + pace.sent, "failed");
        let mut one = Planted::new(&self.pen.conversation, self.pen.source, at);
        one.intent = Some(intent);
        one.thought(&thought);
        self.told.push(one);
        at
    }

    /// A person of the staff writes first, and goes on when the customer has answered.
    fn is_written_to(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.pen.person("Ольга", at);
        let begins = at + self.pen.minutes(2, 600);
        let pace = self.pen.pace();
        self.pen.turn(begins, "text", Thought::default(), pace);
        let after = self.pen.minutes(1, 60);
        self.pen.person("Ольга", begins + after);
        let mut one = Planted::new(&self.pen.conversation, self.pen.source, begins);
        one.answered = true;
        one.staff_after = Some(after);
        one.staff.insert("Ольга");
        one.last_at = begins + after;
        let end = one.last_at + TimeDelta::minutes(10);
        self.pen.gives_back("Ольга", end);
        self.told.push(one);
        end
    }

    /// Asks on one messenger and books on another: two conversations.
    fn uses_two_messengers(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        let end = self.asks(at, None);
        self.pen.changes_to("telegram:main");
        self.books(end + TimeDelta::hours(2), None)
    }

    /// Calls, and is put into the book by the staff: no dialogue at all.
    fn on_the_phone(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.pen.books_by_phone(at);
        at
    }

    /// One of two variants of the bot answers; with one of them more customers book.
    fn is_tried_out(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        let (a, b) = LIFT;
        let (variant, books) = self.pen.one_of(&[(ARMS[0], a), (ARMS[1], b)]);
        let model = Some(Model {
            variant,
            tokens: self.pen.between(300, 1_500),
            cost: f64::from(u8::try_from(self.pen.between(1, 99)).unwrap_or(0)) / 1_000.0,
        });
        if self.pen.chance(books) {
            self.books(at, model)
        } else {
            self.asks(at, model)
        }
    }
}

/// Twelve o'clock of a day at the salon.
fn noon(at: DateTime<Utc>) -> DateTime<Utc> {
    let since = local(at).time().num_seconds_from_midnight();
    at - TimeDelta::seconds(since.into())
        - TimeDelta::nanoseconds(at.timestamp_subsec_nanos().into())
        + TimeDelta::hours(12)
}
