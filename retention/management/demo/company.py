"""The demo's company and its customers: made up, seeded, and each with a story that some page has to tell.

Pure: a seed and a day in, plain rows out. Nothing here touches the database; `manage.py demo` sends these rows
through the same doors that a real company would use.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

SEED = 20261121
HISTORY = 270  # days of usage before today
PRODUCT, COMPANY, DOMAIN = "Fleetline", "Fleetline GmbH", "fleetline.example"


@dataclass(frozen=True)
class Feature:
    """`amount`: the property that is summed; empty: uses count. `threshold` is over 28 days."""

    key: str
    name: str
    event: str
    is_key: bool
    threshold: int
    unit: str = ""
    amount: str = ""


FEATURES = (
    Feature("trip-planning", "Trip planning", "Trip Planned", True, 20, "trips", "trips"),
    Feature("carrier-portal", "Carrier portal", "Carrier Invited", True, 3),
    Feature("route-costing", "Route costing", "Route Costed", True, 5),
    Feature("driver-app", "Driver app", "Stop Confirmed", True, 20),
    Feature("live-map", "Live map", "Map Opened", False, 10),
    Feature("reports", "Reports", "Report Opened", False, 2),
    Feature("alerts", "Delay alerts", "Alert Handled", True, 5),
)
# code, name, price a month per seat, feature keys
PLANS = (
    ("starter", "Starter", 29, ("trip-planning", "live-map", "reports")),
    ("team", "Team", 49, ("trip-planning", "live-map", "reports", "carrier-portal", "route-costing", "alerts")),
    ("business", "Business", 69, tuple(f.key for f in FEATURES)),
)
# key, name, role, team, job title, phone, language
STAFF = (
    ("mina", "Mina Kwon", "rep", "Europe", "Customer success", "+49 40 555 0142", "en"),
    ("jan", "Jan Oude", "rep", "Europe", "Customer success", "+49 40 555 0143", "en"),
    ("sora", "한소라", "rep", "Korea", "고객 성공 매니저", "+82 2 555 0144", "ko"),
    ("ines", "Ines Moreau", "manager", "Europe", "Head of customer success", "+49 40 555 0140", "en"),
    ("olga", "Olga Petrov", "ops_admin", "", "CS operations", "", "en"),
    ("arun", "Arun Mehta", "system_admin", "", "IT", "", "en"),
    ("ruth", "Ruth Albers", "read_only", "Europe", "Finance", "", "en"),
)


@dataclass(frozen=True)
class Person:
    key: str
    name: str
    email: str
    role: str
    title: str
    joins: int = HISTORY  # days ago
    leaves: int = -1  # days ago; -1: still there


@dataclass(frozen=True)
class Story:
    """What happens to an account's use: factors by days ago, (from day, factor) latest first is not required."""

    name: str
    level: float = 1.0
    changes: tuple[tuple[int, float], ...] = ()
    without: tuple[str, ...] = ()
    active_share: float = 0.8
    answer: int | None = None
    comment: str = ""
    begins: int = HISTORY
    ended: int = -1  # days ago on which the paid term ended; -1: still paid
    price_change: tuple[int, float] = (-1, 1.0)  # days ago, factor

    def factor(self, days_ago: int) -> float:
        """How much of the usual use takes place so many days ago."""
        reached = [(at, factor) for at, factor in self.changes if days_ago <= at]
        return min(reached)[1] if reached else 1.0


THRIVING = Story("thriving", level=1.3, active_share=0.95, answer=10, comment="It saves us the morning calls.")
STEADY = Story("steady", answer=8)
CHAMPION_LEFT = Story("champion left", changes=((30, 0.7), (22, 0.4), (15, 0.2)), active_share=0.75)
SEATS_UNUSED = Story("seats unused", active_share=0.35, level=0.9, answer=7)
FEATURE_UNUSED = Story("paid feature unused", without=("carrier-portal", "route-costing", "driver-app", "alerts"))
FADING = Story("fading", changes=((120, 0.8), (80, 0.6), (50, 0.35), (24, 0.15)), active_share=0.6)
SAVED = Story("use returned", changes=((75, 0.5), (62, 0.2), (41, 0.95)), active_share=0.8, answer=9)
LEFT = Story("left", changes=((150, 0.6), (110, 0.25), (70, 0.0)), ended=40)
STUCK = Story("onboarding stuck", level=0.25, active_share=0.3, begins=45, without=("carrier-portal", "driver-app"))
NEW = Story("new", begins=9, level=0.6)
STARTING = Story("onboarding under way", begins=24, level=0.6, active_share=0.5, without=("carrier-portal",))
ONBOARDED = Story("onboarded", begins=75)
PRICIER = Story(
    "price raised", price_change=(60, 1.9), level=0.8, answer=5, comment="The new price is hard to explain."
)
DETRACTOR = Story("detractor", answer=2, comment="Exports fail every Friday and nobody tells us why.", level=0.8)
SEASONAL = Story("seasonal", changes=((200, 1.4), (140, 0.8), (60, 1.1)), level=0.9, answer=9)
GROWING = Story("growing", changes=((200, 0.5), (140, 0.8), (70, 1.2)), active_share=0.9, answer=10)

STORIES = (
    (CHAMPION_LEFT, 3), (SEATS_UNUSED, 5), (FEATURE_UNUSED, 4), (FADING, 4), (SAVED, 3), (LEFT, 4), (STUCK, 3),
    (NEW, 2), (PRICIER, 3), (DETRACTOR, 2), (SEASONAL, 4), (GROWING, 6), (THRIVING, 6), (STEADY, 5),
    (STARTING, 3), (ONBOARDED, 3),
)  # fmt: skip

_NAMED = (
    ("Nordwind Logistics", "de", "Europe/Berlin", CHAMPION_LEFT),
    ("한빛소프트물류", "ko", "Asia/Seoul", STUCK),
    ("Alba Clinics", "en", "Europe/Madrid", STEADY),
    ("Fjord Energi", "en", "Europe/Oslo", THRIVING),
    ("서울식자재", "ko", "Asia/Seoul", FADING),
    ("Maison Vert", "en", "Europe/Paris", DETRACTOR),
)
_FIRST = (
    "Arden", "Bellmont", "Castell", "Dorran", "Elbe", "Falke", "Granit", "Havel", "Isar", "Juno", "Karst", "Lindqvist",
    "Moravia", "Nadir", "Ostsee", "Pallas", "Quarz", "Rhône", "Solent", "Tamar", "Ulm", "Vesta", "Weser", "Xanten",
    "Ystad", "Zenner", "Brenta", "Corvo", "Delmar", "Enns", "Ferro", "Garda", "Helm", "Inn", "Jura", "Kolding", "Lahn",
    "Mosel", "Neckar", "Oder", "Pegnitz", "Ruhr", "Saale", "Trave", "Unstrut", "Vils",
)  # fmt: skip
_KIND = ("Freight", "Foods", "Transport", "Supply", "Distribution", "Medical", "Brewing", "Parts", "Retail", "Timber")
_KOREAN = ("대한물산", "푸른유통", "동해수산", "한강택배", "미래식품", "새벽배송", "남산상사", "가람물류")
_GIVEN = (
    "Lena", "Tobias", "Jonas", "Marta", "Paul", "Greta", "Emil", "Nora", "Oskar", "Clara", "Hugo", "Ida", "Felix",
    "Vera", "Anton", "Lotte", "Milan", "Rosa", "Theo", "Wanda",
)  # fmt: skip
_FAMILY = ("Vogt", "Ernst", "Reuter", "Ruiz", "Keller", "Brandt", "Sommer", "Lang", "Winter", "Busch", "Roth", "Moser")
IN_KOREAN = {
    "It saves us the morning calls.": "아침마다 하던 전화가 없어졌습니다.",
    "The new price is hard to explain.": "오른 가격을 회사에 설명하기 어렵습니다.",
    "Exports fail every Friday and nobody tells us why.": "금요일마다 내보내기가 실패하고 이유도 모릅니다.",
    "More teams ask for seats.": "다른 팀에서도 좌석을 요청합니다.",
    "Hardly anybody plans trips any more.": "배차를 계획하는 사람이 거의 없습니다.",
    "They told us that they move to their own tool.": "자체 도구로 옮긴다고 알려 왔습니다.",
    "A new director looks at all contracts.": "새로 온 임원이 계약을 모두 다시 봅니다.",
    "Their head of dispatch has left, and nobody has taken over.": "배차 팀장이 떠났고 이어받은 사람이 없습니다.",
    "Use has fallen for months.": "사용이 몇 달째 줄고 있습니다.",
    "Angry about the exports; we owe them an answer.": "내보내기 문제로 화가 나 있고, 우리가 답할 차례입니다.",
    "The new price is under review with their finance.": "새 가격을 재무팀에서 검토하고 있습니다.",
    "Still not live; they ask what they pay for.": "아직 도입 전이고, 무엇에 돈을 내는지 묻습니다.",
    "They use a third of their seats and will ask for fewer.": "좌석의 3분의 1만 써서 줄여 달라고 할 것 같습니다.",
    "A report of trips by depot": "차고지별 운행 보고서",
    "A call with our product team about exports": "내보내기에 대한 제품팀과의 통화",
    "A training for the new dispatchers": "새 배차 담당자 교육",
    "Alerts by text message": "문자 알림",
    "A second carrier portal": "두 번째 운송사 포털",
    "Plan every trip in one place": "모든 배차를 한곳에서",
    "Answer a delay before the customer calls": "고객이 전화하기 전에 지연을 알리기",
    "Know what a route costs before we offer it": "견적 전에 노선 비용 알기",
    "The card has expired": "카드 유효 기간이 지났습니다",
    "The bank declined it": "은행에서 거절했습니다",
    "They say that it was paid twice": "두 번 결제됐다고 합니다",
    "Every depot plans with us; they recommend us to others.": "모든 차고지가 함께 쓰고, 다른 곳에도 추천합니다.",
    "Good talks, no surprises.": "대화가 잘 되고 별다른 일이 없습니다.",
    "Calls get shorter, and the new director asks about the price.": "통화가 짧아지고, 새 임원이 가격을 묻습니다.",
    "Angry about the exports, and we have not answered.": "내보내기 때문에 화가 났는데 아직 답하지 못했습니다.",
    "The price rise still comes up in every talk.": "만날 때마다 오른 가격 이야기가 나옵니다.",
    "The successor is friendly and knows nothing of us.": "후임은 친절하지만 우리를 전혀 모릅니다.",
    "The export stops half-way": "내보내기가 중간에 멈춰요",
    "Every export of last week's trips stops half-way.": "지난주 운행을 내보내면 매번 중간에 멈춥니다.",
    "Invoice of last month": "지난달 청구서",
    "Could you send last month's invoice again?": "지난달 청구서를 다시 보내 주실 수 있을까요?",
    "They are happy with the alerts and ask for a training.": "알림 기능에 만족하고, 교육을 요청했습니다.",
    "Adding a depot": "차고지 추가",
    "Where do I add a depot?": "차고지는 어디에서 추가하나요?",
    "Quarterly review": "분기 점검",
    "We went through the figures of the quarter.": "이번 분기 수치를 함께 살펴봤습니다.",
}
_GIVEN_KO = ("도윤", "서연", "민준", "지우", "하준", "수아", "예준", "지민", "현우", "유진", "건우", "다은")
_FAMILY_KO = ("김", "이", "박", "최", "정", "강", "조", "윤")


@dataclass(frozen=True)
class Customer:
    key: str
    name: str
    domain: str
    language: str
    zone: str
    plan: str
    seats: int
    owner: str
    segment: str
    story: Story
    older: int = 0
    people: tuple[Person, ...] = field(default=())

    def told(self, words: str) -> str:
        """What is said at or about the customer, in its language."""
        return IN_KOREAN[words] if words and self.language == "ko" else words

    @property
    def begins(self) -> int:
        """Days ago on which the first paid term began; longer than usage is known for old customers.

        Who has left did so at the end of a yearly term.
        """
        if self.story.ended >= 0:
            return self.story.ended + 365 * (1 + self.older // 365)
        return self.story.begins if self.story.begins < HISTORY else HISTORY + 20 + self.older


def customers(seed: int = SEED) -> list[Customer]:
    """About sixty accounts, the same ones for the same seed."""
    random = Random(seed)  # noqa: S311 - figures for a demo, not secrets
    stories = [story for story, count in STORIES for _ in range(count)]
    for *_, story in _NAMED:
        stories.remove(story)
    random.shuffle(stories)
    named = [(name, language, zone, story) for name, language, zone, story in _NAMED]
    plain = [f"{first} {random.choice(_KIND)}" for first in random.sample(_FIRST, len(_FIRST))]
    for number, story in enumerate(stories):
        korean = number < len(_KOREAN)
        name = _KOREAN[number] if korean else plain.pop()
        named.append((name, "ko" if korean else "en", "Asia/Seoul" if korean else "Europe/Berlin", story))
    return [_customer(n, *row, random) for n, row in enumerate(named, start=1)]


def _customer(number: int, name: str, language: str, zone: str, story: Story, random: Random) -> Customer:
    plan, seats = random.choice([("starter", 5), ("starter", 8), ("team", 12), ("team", 25), ("business", 30)])
    if story in (SEATS_UNUSED, CHAMPION_LEFT):
        plan, seats = "team", 25
    if story is FEATURE_UNUSED:
        plan, seats = "business", 20
    key = f"acct-{number:03d}"
    domain = f"{key}.example"
    owner = "sora" if language == "ko" else random.choice(["mina", "mina", "jan"])
    segment = "Small" if seats < 10 else "Middle" if seats < 20 else "Large"
    zone_and_size = ("ko" if language == "ko" else "en", zone, plan, seats, owner, segment, story)
    bare = Customer(key, name, domain, *zone_and_size, older=random.randrange(900))
    return replace(bare, people=tuple(_people(bare, random)))


def _people(customer: Customer, random: Random) -> Iterator[Person]:
    roles = [("champion", "Head of dispatch", "배차 팀장"), ("decision_maker", "Operations director", "운영 본부장")]
    roles += [("billing", "Accounts", "경리 담당")] + [("user", "Dispatcher", "배차 담당")] * 40
    count = max(3, round(customer.seats * customer.story.active_share))
    used: set[str] = set()
    for number in range(count):
        role, title, title_ko = roles[number]
        korean = customer.language == "ko"
        name = _name(random, korean, used)
        leaves = 32 if customer.story is CHAMPION_LEFT and role == "champion" else -1
        address = f"{number + 1}.{customer.key}@{customer.domain}"
        yield Person(f"{customer.key}-u{number + 1}", name, address, role, title_ko if korean else title, leaves=leaves)


def _name(random: Random, korean: bool, used: set[str]) -> str:
    while True:
        name = (
            random.choice(_FAMILY_KO) + random.choice(_GIVEN_KO)
            if korean
            else f"{random.choice(_GIVEN)} {random.choice(_FAMILY)}"
        )
        if name not in used:
            used.add(name)
            return name


@dataclass(frozen=True)
class Use:
    """One event of one person; `minute` of the UTC day."""

    person: str
    days_ago: int
    minute: int
    feature: Feature
    amount: int


def uses(customer: Customer, today: date, seed: int = SEED) -> Iterator[Use]:
    """Every use of a customer through yesterday, oldest day first."""
    random = Random(f"{seed}:{customer.key}")  # noqa: S311 - figures for a demo, not secrets
    included = next(keys for code, _, _, keys in PLANS if code == customer.plan)
    features = [f for f in FEATURES if f.key in included and f.key not in customer.story.without]
    for days_ago in range(min(customer.story.begins, HISTORY), 0, -1):
        if days_ago <= customer.story.ended:
            return
        weekend = (today - timedelta(days=days_ago)).weekday() >= 5
        yield from _uses_of_day(customer, features, days_ago, weekend, random)


def _uses_of_day(
    customer: Customer, features: list[Feature], days_ago: int, weekend: bool, random: Random
) -> Iterator[Use]:
    story = customer.story
    for person in customer.people:
        present = 0.75 * min(1.0, story.factor(days_ago)) * (0.1 if weekend else 1.0)
        if days_ago <= person.leaves or person.role == "billing" or random.random() > present:
            continue
        for feature in random.sample(features, min(len(features), 1 + round(random.random() * 2))):
            level = story.level * story.factor(days_ago)
            amount = max(1, round(random.gauss(6, 2) * level)) if feature.amount else 1
            yield Use(person.key, days_ago, random.randrange(360, 1020), feature, amount)
