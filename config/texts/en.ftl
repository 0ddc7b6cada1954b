# Everything the bot says by itself. Answers about prices, hours and rules come from
# business.toml and the folder knowledge.
#
# The first line of a phrase is the polite form; .informal the familiar one, where it is another; .emoji
# stands at its end. [tone] in business.toml says which of them are used.

greeting =
    Hello! This is the { $salon } beauty salon. I can tell you about prices, opening hours, the address and our services. What would you like to know?
    .emoji = 🌷
hello = Hello!
    .informal = Hi!
capabilities =
    I am the salon's assistant. I can tell you about services and prices, our team, opening hours and how to find us. If you need a person, I will call the administrator.
welcome = You are welcome! Write any time you have a question.
    .emoji = 😊
goodbye = Goodbye! We will be glad to see you.
    .emoji = 👋

calling-person = Of course, I am passing you on to the administrator.
check-with-manager = I do not have an exact answer, so I will check with the administrator.
complaint-heard = I am very sorry about this. I am passing your message to the administrator so that a person can look into it.
refund-heard = I understand. The administrator decides about refunds; I am passing your message on.
medical-question =
    If you feel unwell, please see a doctor at once or call 112. I cannot give advice about health: this needs a specialist. I will pass your question to the administrator.
booking-wish = Thank you! I will pass your booking wishes to the administrator.
reschedule-wish = I will tell the administrator that you would like to move your appointment.
cancel-wish = I will tell the administrator that you would like to cancel your appointment.
giving-up = I am afraid I still do not understand. To save your time I am passing you on to the administrator.
late-answer = Sorry for the late reply: your message reached us with a delay. I am passing it to the administrator.
noted = All right. Write any time you have a question.
person-decides = The administrator will help with this; I am passing your request on.
checking-answer = Let me check this with the administrator; I will be back with an answer.
still-checking = Sorry to keep you waiting: the administrator will answer your question.
person-answers = The administrator can answer this better, I am passing your message on.

promise-now = The administrator will answer you here shortly.
promise-later = The administrator is not in at the moment and will answer you { $moment }.
promise-sometime = The administrator will answer you as soon as they are in.
moment-today = today after { $time }
moment-tomorrow = tomorrow after { $time }
moment-day = on { $day } after { $time }
added-to-request = I have added this to your question; the administrator will see it all.

unclear = Sorry, I did not quite understand. Please put it a little differently or choose what you would like to know:
which-one = Which of these would you like to know?
opted-out = All right, we will not send you advertising. We still answer your questions here.
stay-calm = I can tell that you are upset. Please tell me calmly what happened: I will help, or call the administrator.
refusal = I cannot help with that, but I will gladly tell you about the salon's services.
offtopic = I am afraid I do not know about that: I answer questions about the salon. Would you like the prices, opening hours or the address?
smalltalk = Thank you for asking, all is well here! How can I help?
    .emoji = 😊

please-write-voice = I cannot listen to voice messages yet. Please write it as text and I will answer.
please-write-media = Thank you! I cannot open attachments yet. Please write in words what you need, and I will answer or call the administrator.
contact-received = Thank you, we have the contact.

open-today = Today we are open { $hours }.
open-on = { $day }: we are open { $hours }.
closed-on = { $day }: we are closed.
closed-today = We are closed today.

# Reasons for the administrator; the customer does not see them.
reason-policy = a person answers such questions
reason-draft-expired = nobody approved the bot's answer
reason-draft-rejected = the bot's answer was rejected
reason-person = asks for a person
reason-not-known = the answer is not in the knowledge base
reason-complaint = the customer is unhappy
reason-refund = wants money back
reason-medical = a question about health
reason-booking = wants to book
reason-reschedule = wants to move a visit
reason-cancel = wants to cancel a visit
reason-not-understood = the bot did not understand twice in a row
reason-papers = papers or personal data
reason-late = the message came late

button-person = Call the administrator
button-prices = Services and prices
button-hours = Opening hours
button-address = How to find us
button-booking = Book a visit
booking-invite = Shall I book you in? Just tell me the day and time.

# Visits.
visit-which-service = Which service would you like to book?
visit-which-of-services = Which of these would you like?
visit-not-done-by = { $person } does not do “{ $service }”. These do: { $others }.
visit-offer = { $what }, free times:
visit-nearest = There is no free place at that time. The nearest free times ({ $what }):
visit-instead = That time has just been taken, sorry. There are others ({ $what }):
visit-choose = Which one suits you? You can also write another time.
visit-keeping = I am keeping this for you: { $visit }.
visit-ask-time = Which day and time would suit you?
visit-nothing-free = Sorry, there is no free time in the next { $days } days.
visit-doubt = Which one do you mean?
visit-consent = To book a visit we need your name and phone. Do you agree that { $salon } processes them to keep the booking and to remind you of the visit? (Consent to the processing of personal data, version { $version }.)
visit-no-consent = I see. Without consent I cannot book here, but the administrator will help.
visit-name = What is your name?
visit-phone = Which phone number shall I put down?
visit-bad-phone = The number seems incomplete: write all of it, for example +7 921 000-00-00.
visit-read-back = Please check: { $visit }. Name: { $name }, phone: { $phone }. Shall I book it?
visit-read-move = The new time: { $visit }. Name: { $name }, phone: { $phone }. Is that right?
visit-what-to-change = What shall I change? For example: “rather on Saturday”, “another service” or “phone +7 921 000-00-00”.
visit-item = { $service } with { $person }, { $price }
visit-booked = You are booked: { $visit }. We are at { $address }. You can move or cancel the visit right here, up to { $hours } h before it.
visit-moved = Moved, now: { $visit }. We are at { $address }. You can change it again up to { $hours } h before the visit.
visit-cancelled = Cancelled: { $visit }. We would be glad to see you another time.
visit-ask-cancel = Cancel this visit: { $visit }?
visit-kept = All right, the visit stays: { $visit }.
visit-which-booking = Which visit do you mean?
visit-mine = Your visits:
visit-none = I find no coming visit in this chat.
visit-too-late = Your visit ({ $visit }) is in less than { $hours } h: so close to it only the administrator changes it.
visit-changed = The visit has changed meanwhile, now it is: { $visit }. Write if it is to be moved or cancelled.
visit-confirmed = Thank you, see you: { $visit }.
visit-rated = Thank you for the rating!
visit-apology = We are sorry, but we cannot keep your visit: { $visit }. Let us find another time.
visit-apology-times = We are sorry, but we cannot keep your visit: { $visit }. The nearest free times:
    { $times }
    Press "Another time" or write when it suits you.
visit-dropped = All right, nothing is booked. Write whenever you like.
visit-waiting =
    You are on the waiting list: { $what }.
    As soon as such a time becomes free, I will write here. You will have { $minutes } min to take it.
visit-still-waiting = All right, others may have that time. I will write when another one becomes free.
visit-waits-no-more = All right, I no longer wait for a time. Write whenever you want a visit.
visit-freed = A time has become free: { $visit }. I keep it for you until { $until }. Do you take it?
visit-offer-over = I am sorry, that time is not free any more. Tell me when it suits you, and we will look for another.
visit-offer-over-waits = I am sorry, that time is not free any more. You stay on the waiting list: I will write when another one is free.
button-other-time = Another time
button-wait = Waiting list
button-take = Yes, I take it
button-pass = Not this one
button-leave = Stop waiting
button-agree = I agree
button-disagree = I do not agree
button-book-yes = Yes, book it
button-move-yes = Yes, move it
button-change = Change
button-cancel-yes = Yes, cancel it
button-keep = Keep it
button-move = Move it
button-cancel = Cancel it
button-book-again = Book again
# Reminders of visits. $visit: "tomorrow, Friday, 27 November, at 15:00: women's haircut with Anna".
remind-booked = You are booked for { $visit }. See you then!
remind-moved = Your booking has changed. We now expect you { $visit }.
remind-cancelled = We are sorry, your visit is cancelled: { $visit }.
remind-day-before = A reminder of your visit { $visit }. Will you come?
remind-confirmed = A reminder: we expect you { $visit }.
remind-morning = Good morning! We expect you { $visit }. Our address: { $address }.
remind-soon = See you soon: { $visit }.
remind-thanks = Thank you for choosing { $salon }! How was your visit, from 1 to 5?
remind-missed = We are sorry that you could not come. Shall we find another time?
remind-return = It has been a while! Time again for: { $what }. Shall we find a time?
remind-sms = { $text } { $firm }
visit-today = today, { $weekday }, { $date }, at { $time }
visit-tomorrow = tomorrow, { $weekday }, { $date }, at { $time }
visit-day = { $weekday }, { $date }, at { $time }
visit-what = { $services }, with { $people }
button-confirm = Confirm

# One question to who left a booking unfinished, or wanted to think.
nudge-booking = Your booking is not finished yet: shall we find a time?
nudge-thinking = If you are still thinking about a visit, I will gladly find a time that suits you.
button-go-on = Go on booking
button-not-now = Not now

# To the staff: no message about a visit reached the customer.
call-cancelled = please call the customer: the visit is cancelled, and the message about it has not arrived. { $name }, phone { $phone }, the visit was { $visit }
call-customer = please call the customer, no message about the visit has arrived. { $name }, phone { $phone }, visit { $visit }
