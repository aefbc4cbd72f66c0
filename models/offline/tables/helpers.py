"""Functions that components may call and that a program carries along when it does.

Each helper is whole by itself but for imports and other helpers; its source is what ends up in answers.
"""

HELPERS = """
def is_prime(n):
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def prime_factors(n):
    factors, d = [], 2
    while d * d <= n:
        while n % d == 0:
            factors.append(d)
            n //= d
        d += 1
    return factors + [n] if n > 1 else factors


def divisors(n):
    return [d for d in range(1, n + 1) if n % d == 0]


def digits(n):
    return [int(d) for d in str(abs(n))]


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def collatz(n):
    path = [n]
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        path.append(n)
    return path


def in_base(n, base):
    if not 2 <= base <= 36:
        raise ValueError("base")
    if n == 0:
        return "0"
    text, rest = "", abs(n)
    while rest:
        rest, digit = divmod(rest, base)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
    return "-" + text if n < 0 else text


def to_roman(n):
    text = ""
    for value, numeral in zip(
        [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1],
        ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"],
    ):
        while n >= value:
            text += numeral
            n -= value
    return text


def is_square(n):
    return n >= 0 and math.isqrt(n) ** 2 == n


def flatten(items):
    flat = []
    for item in items:
        if isinstance(item, (list, tuple)):
            flat.extend(flatten(item))
        else:
            flat.append(item)
    return flat


def unique(items):
    seen = []
    for item in items:
        if item not in seen:
            seen.append(item)
    return seen


def chunks(items, size):
    return [items[i:i + size] for i in range(0, len(items), size)]


def windows(items, size):
    return [items[i:i + size] for i in range(len(items) - size + 1)]


def runs(items):
    return [list(group) for _, group in itertools.groupby(items)]


def rotate(items, k):
    if not items:
        return items
    k %= len(items)
    return items[k:] + items[:k]


def insert_between(items, separator):
    result = []
    for item in items:
        result += [item, separator]
    return result[:-1]


def interleave(a, b):
    return [item for pair in zip(a, b) for item in pair]


def most_common(items):
    return max(items, key=lambda item: items.count(item))


def median(numbers):
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def shift_letters(text, k):
    shifted = ""
    for c in text:
        if c.isalpha():
            base = ord("A") if c.isupper() else ord("a")
            c = chr((ord(c) - base + k) % 26 + base)
        shifted += c
    return shifted


def balanced(text, opening, closing):
    depth = 0
    for c in text:
        if c == opening:
            depth += 1
        elif c == closing:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


def depth_of(text, opening, closing):
    depth = deepest = 0
    for c in text:
        if c == opening:
            depth += 1
            deepest = max(deepest, depth)
        elif c == closing:
            depth -= 1
    return deepest


def longest_increasing_run(numbers):
    best = current = 1 if numbers else 0
    for a, b in zip(numbers, numbers[1:]):
        current = current + 1 if b > a else 1
        best = max(best, current)
    return best


def distance(p, q):
    return math.hypot(p[0] - q[0], p[1] - q[1])


def polygon_area(points):
    return abs(sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(points, points[1:] + points[:1]))) / 2


def perimeter(points):
    return sum(math.hypot(p[0] - q[0], p[1] - q[1]) for p, q in zip(points, points[1:] + points[:1]))


def group_by(rows, key):
    groups = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def grouped(items, key):
    groups = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def day_of(text):
    return datetime.date.fromisoformat(text)


def is_leap_year(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def subsequences(items):
    return [list(chosen) for size in range(len(items) + 1) for chosen in itertools.combinations(items, size)]


def substrings(text):
    return [text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)]
"""
