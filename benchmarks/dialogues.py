"""Made-up conversations with labelled evidence, for benchmarks of retrieval: the same seed gives the same conversation.

Two people talk in some thirty dated sessions about sixteen topics each. A fact is told in one of three ways:
- told: its turn names the topic, in words that a later question shares in part;
- asked: the other one asks, and the answer holds the fact alone;
- followed: somebody brings the topic up, the other one reacts, and the fact comes two turns later.
Questions come later and in other words. Around the facts there is chatter, and every topic is mentioned again, by the
other one or about somebody else, without the fact: a search that looks for the topic's words finds those as well.
"""

import random
from typing import NamedTuple

from memory.words import terms_of
from state.json_values import JsonObject

NAMES = ("Ann", "Bela", "Carmen", "Dario", "Esther", "Farid", "Greta", "Hugo", "Ines", "Jonas")
RELATIVES = ("cousin", "neighbour", "sister", "uncle", "colleague", "flatmate", "old teacher", "brother-in-law")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")
STYLES = ("told", "told", "told", "told", "asked", "followed")
SHARED = 0.8  # of the questions about what was told use the words of the telling, as far as there is such a question


class Topic(NamedTuple):
    """How a fact is told, answered, brought up and asked about later; {} is the fact, {who} who told it."""

    told: tuple[str, ...]
    asks: tuple[str, ...]
    answers: tuple[str, ...]
    brought_up: tuple[str, ...]
    mentions: tuple[str, ...]  # the topic without the fact; {} is a relative
    later: tuple[str, ...]
    facts: tuple[str, ...]


TOPICS = {
    "pet": Topic(
        ("We named the new puppy {}, a good name for a dog.", "The little dog answers to {} by now."),
        ("Did you settle on a name for the puppy?", "What are you going to call the dog?"),
        ("{}! It suits him.", "We went with {} in the end."),
        ("So the dog has moved in with us.", "You should see our puppy now."),
        ("My {} has a dog, too, it barks all day.", "A puppy is a lot of work, says my {}."),
        ("What is the name of {who}'s dog?", "How did {who}'s family call their puppy?"),
        ("Biscuit", "Luna", "Max", "Pepper", "Shadow", "Waffles", "Ziggy", "Olive"),
    ),
    "trip": Topic(
        ("I booked a week in {} for the autumn holidays.", "We are flying to {} this summer, tickets are bought."),
        ("Where are you off to for the holidays?", "Any plans for your vacation?"),
        ("{}, at last.", "Thinking of {} this time."),
        ("My suitcase is packed already.", "The travel agent called me back about our holiday."),
        ("My {} came back from vacation sunburnt.", "My {} never goes on holiday at all."),
        ("Where did {who} plan to go on holiday?", "Which place did {who} book a vacation to?"),
        ("Lisbon", "Kyoto", "Iceland", "Morocco", "Patagonia", "Vienna", "Crete", "Norway"),
    ),
    "hobby": Topic(
        ("I have taken up {} as a hobby on Tuesdays.", "These days {} is how I unwind."),
        ("How do you unwind after work these days?", "Picked up any new hobby?"),
        ("Mostly {}. It calms me down.", "I have been getting into {}."),
        ("I finally do something for myself on Tuesdays.", "There is a course I go to now."),
        ("My {} collects stamps, what a hobby.", "My {} works all evening and never unwinds."),
        ("What hobby has {who} taken up?", "What does {who} do to relax in the evening?"),
        ("pottery", "rock climbing", "birdwatching", "chess", "woodcarving", "salsa dancing", "fencing", "baking"),
    ),
    "book": Topic(
        ("I am reading the book {} at the moment, halfway through.", "That book, {}, kept me up reading until two."),
        ("Read anything good lately?", "What is on your bedside table?"),
        ("{}. I could not put it down.", "{}, it is brilliant."),
        ("There was this novel in the shop window.", "The library called, my book had come in."),
        ("My {} gave me a book that I never opened.", "My {} only reads newspapers."),
        ("Which book was {who} reading?", "What novel did {who} enjoy?"),
        ("Dune", "Middlemarch", "Beloved", "Ulysses", "The Hobbit", "Circe", "Emma", "Persuasion"),
    ),
    "job": Topic(
        ("They offered me the new job as a {}, I start in spring!", "I will be working as a {} from May on."),
        ("How did the interview go?", "Any news from the job hunt?"),
        ("They want me! {}, starting in spring.", "I got it: {}."),
        ("The company I applied to has answered.", "I had my second interview on Monday."),
        ("My {} has lost the job at the bank.", "My {} had an interview, too."),
        ("What new job did {who} get?", "Which position was {who} offered?"),
        ("nurse", "data analyst", "gardener", "school counsellor", "line cook", "paralegal", "surveyor", "translator"),
    ),
    "gift": Topic(
        ("I gave my mother a {} for her birthday.", "Mum unwrapped the {} that I had bought and cried."),
        ("What did you get your mother for her birthday?", "Found a present for your mum yet?"),
        ("A {}. She cried.", "I wrapped a {} for her."),
        ("My mother turned sixty on Sunday.", "I spent Saturday looking for a birthday present."),
        ("My {} forgot my birthday again.", "A present from my {} came in the post."),
        ("What present did {who} give to her mother?", "What did {who} buy for a birthday?"),
        ("scarf", "telescope", "necklace", "record player", "teapot", "quilt", "camera", "rose bush"),
    ),
    "injury": Topic(
        ("I hurt my {} on the stairs, the doctor says two weeks.", "My {} is swollen since the match."),
        ("Why are you limping?", "What happened to you at the match?"),
        ("Twisted my {} on the stairs.", "It is my {}, two weeks without sports."),
        ("I had to go to the emergency room on Friday.", "I fell off my bike, of all things."),
        ("My {} broke a leg skiing.", "The doctor told my {} to rest."),
        ("What did {who} hurt?", "Which part of the body did {who} injure?"),
        ("ankle", "knee", "wrist", "shoulder", "toe", "hip", "elbow", "back"),
    ),
    "instrument": Topic(
        ("I play the {} now, learning a new instrument every Monday.", "The {} I rented is louder than I thought."),
        ("Do you still play music?", "Which instrument did you pick?"),
        ("Yes, the {}, badly.", "The {}. My fingers hurt."),
        ("I signed up at the music school.", "My teacher says I have a good ear."),
        ("My {} sings in a choir.", "My {} plays music all night."),
        ("What instrument is {who} learning?", "Which musical instrument does {who} play?"),
        ("cello", "accordion", "saxophone", "ukulele", "harp", "clarinet", "drums", "banjo"),
    ),
    "allergy": Topic(
        ("It turns out that I am allergic to {}.", "I avoid all food with {}, my skin itches at once."),
        ("What did the allergy test say?", "Is there anything you can't eat?"),
        ("{}, of all things.", "I have to stay away from {}."),
        ("The results from the doctor are in.", "I came out in a rash after dinner."),
        ("My {} is allergic to everything.", "My {} got a rash from the new soap."),
        ("What is {who} allergic to?", "Which food does {who} have to avoid?"),
        ("peanuts", "shellfish", "celery", "strawberries", "sesame", "mustard", "walnuts", "kiwi"),
    ),
    "car": Topic(
        ("We bought the car, a {}, from a friend, second hand.", "The {} is ours now, it smells of dog."),
        ("What are you driving now?", "Did you find a car?"),
        ("A {}, ten years old.", "We took the {}."),
        ("The old car did not pass its inspection.", "We went to three dealers in one day."),
        ("My {} drives like a maniac.", "My {} sold the car and cycles."),
        ("What kind of car did {who} buy?", "Which vehicle does {who} drive?"),
        ("Volvo", "Fiat", "camper van", "pickup", "Skoda", "minibus", "Tesla", "Beetle"),
    ),
    "meal": Topic(
        ("I cooked a dish of {} for the guests on Saturday.", "My {} was gone in ten minutes."),
        ("What did you serve at the dinner party?", "What are you cooking for the guests?"),
        ("{}, my grandmother's recipe.", "I made {}, nothing was left."),
        ("Eight people came for dinner.", "The kitchen still looks like a battlefield."),
        ("My {} burnt the rice again.", "My {} never invites anybody to dinner."),
        ("What dish did {who} cook for the guests?", "What food was served at {who}'s dinner party?"),
        ("paella", "goulash", "lasagne", "pierogi", "ramen", "moussaka", "risotto", "biryani"),
    ),
    "fear": Topic(
        ("I have been afraid of {} since I was five.", "I have a phobia, {}, I freeze."),
        ("What scares you most?", "Why did you not come in with us?"),
        ("{}. Don't laugh.", "Because of {}, ever since I was small."),
        ("I talked to a therapist about it.", "I had a panic attack on Thursday."),
        ("My {} is scared of the dark.", "My {} watches horror films for fun."),
        ("What is {who} afraid of?", "Which phobia does {who} have?"),
        ("spiders", "heights", "lifts", "needles", "thunder", "clowns", "deep water", "moths"),
    ),
    "garden": Topic(
        ("I planted {} behind the house.", "The {} in our garden are coming up."),
        ("What are you growing this year?", "What have you got in the raised bed?"),
        ("{}, if the slugs let me.", "Only {}, there is no sun."),
        ("I have dirt under my nails, it was a garden day.", "The raised bed is finished."),
        ("My {} has the tidiest garden in town.", "The slugs ate all that my {} had sown."),
        ("What did {who} plant in the garden?", "Which plants is {who} growing?"),
        ("pumpkins", "dahlias", "leeks", "sunflowers", "radishes", "tulips", "beans", "artichokes"),
    ),
    "charity": Topic(
        ("I volunteer at the {} on weekends.", "I have been volunteering with the {} since spring."),
        ("What keeps you busy on weekends?", "Where do you volunteer?"),
        ("At the {}, four hours every Sunday.", "The {}, they need hands."),
        ("I wanted to do something useful.", "They gave me a badge with my name."),
        ("My {} runs marathons for charity.", "My {} spends every weekend in bed."),
        ("Where does {who} volunteer?", "Which organisation does {who} support on weekends?"),
        ("food bank", "animal shelter", "hospice", "fire brigade", "library", "night shelter", "lifeboat crew", "zoo"),
    ),
    "move": Topic(
        ("We moved to a flat in {}, a nice part of town.", "The keys for the apartment in {} came today."),
        ("Where will you live?", "Did you find an apartment?"),
        ("In {}, near the station.", "{}, on the fourth floor."),
        ("There are boxes everywhere, we move on Friday.", "The landlord has signed."),
        ("My {} moves house every year.", "My {} has no luck with landlords."),
        ("To which part of town did {who} move?", "In which district is {who}'s new flat?"),
        ("Riverside", "the old harbour", "Northgate", "Millbrook", "Chapel Hill", "Westend", "Kingsway", "Larkspur"),
    ),
    "course": Topic(
        ("I am studying {} in an evening class.", "My evening course is about {}."),
        ("What are you studying?", "Which course did you choose?"),
        ("{}. The exam is in June.", "I took {}, finally."),
        ("The university let me in without a degree.", "I sit in a lecture hall again, at my age."),
        ("My {} failed the exam.", "My {} studies and works at the same time."),
        ("What subject is {who} studying?", "What is {who}'s evening class about?"),
        ("astronomy", "Arabic", "bookkeeping", "law", "sign language", "statistics", "art history", "botany"),
    ),
}  # fmt: skip
CHATTER = (
    "How have you been, {other}?", "Same old, it was a busy week.", "The weather has been awful.",
    "Tell me about it!", "That sounds lovely, {other}.", "I know what you mean.", "We should meet up soon.",
    "Let me check my calendar and tell you.", "Ha, classic.", "My train was late again on {day}.",
    "I am so proud of you, {other}.", "Thanks, that means a lot to me.", "The new café on the corner is nice.",
    "I need to sleep more.", "Did you see the game on {day}?", "Not yet, no spoilers please!",
    "Dinner with my {relative} was great.", "Take care!", "My {relative} sends you her love.",
    "My phone died in the middle of a call on {day}.", "I owe you a coffee, {other}.", "The neighbours drill again.",
    "I almost forgot to tell you.", "It rained all {day}.", "My {relative} is getting married.",
    "Wow, when did that happen?", "I would never dare.", "You always say that, {other}.",
    "I have been thinking about what you said.", "Send me a picture!", "I laughed so much on {day}.",
)  # fmt: skip
REACTIONS = ("And?", "Oh! Tell me.", "Really? Go on.", "No way.", "I want to hear everything.", "At last!")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Conversation:
    """Turns, and questions with the ids of the turns that answer them."""

    def __init__(self, seed: int) -> None:
        self.turns: list[JsonObject] = []
        self.questions: list[tuple[str, list[str]]] = []
        self._rng = random.Random(seed)
        self._speakers = self._rng.sample(NAMES, 2)
        self._session, self._moment = 0, ""
        told = [(who, name) for who in self._speakers for name in sorted(TOPICS)]
        self._rng.shuffle(told)
        for self._session, (who, name) in enumerate(told):
            month, year = MONTHS[self._session % len(MONTHS)], 2022 + self._session // len(MONTHS)
            self._moment = f"{self._rng.randint(1, 28)} {month} {year}"
            self._chat(6, 12)
            self._fact(who, TOPICS[name])
            self._chat(2, 6)
            self._mention(TOPICS[self._rng.choice(sorted(TOPICS))])
            self._chat(2, 6)

    def _fact(self, who: str, topic: Topic) -> None:
        rng, other = self._rng, self._other(who)
        style, fact = rng.choice(STYLES), rng.choice(topic.facts)
        if style == "asked":
            self._say(other, rng.choice(topic.asks))
        if style == "followed":
            self._say(who, rng.choice(topic.brought_up))
            self._say(other, rng.choice(REACTIONS))
        text = rng.choice(topic.told if style == "told" else topic.answers).format(fact)
        if style == "told":
            text += f" {rng.choice(topic.brought_up)}"
        evidence = self._say(who, text)
        self._say(other, rng.choice(REACTIONS))
        later = rng.choice(topic.later)
        if style == "told" and rng.random() < SHARED:
            later = max(topic.later, key=lambda one: len(set(terms_of(one)) & set(terms_of(text))))
        self.questions.append((later.format(who=who), [evidence]))

    def _mention(self, topic: Topic) -> None:
        self._say(
            self._rng.choice(self._speakers), self._rng.choice(topic.mentions).format(self._rng.choice(RELATIVES))
        )

    def _chat(self, least: int, most: int) -> None:
        for turn in range(self._rng.randint(least, most)):
            speaker = self._speakers[turn % 2]
            slots = {"day": self._rng.choice(DAYS), "relative": self._rng.choice(RELATIVES)}
            self._say(speaker, self._rng.choice(CHATTER).format(other=self._other(speaker), **slots))

    def _say(self, speaker: str, text: str) -> str:
        """Add a turn and return its id."""
        attributes = {"speaker": speaker, "date": self._moment}
        turn = {"id": str(len(self.turns)), "text": text, "thread": f"s{self._session}", "attributes": attributes}
        self.turns.append(turn)
        return str(turn["id"])

    def _other(self, speaker: str) -> str:
        return self._speakers[1 - self._speakers.index(speaker)]
