"""Components on numbers: arithmetic, comparison, number theory, geometry of numbers."""

NUMBERS = r"""
add         | N N | 1~ | a + b | add adding plus sum total together increase increased more
subtract    | N N | 1 | a - b | subtract minus difference decrease reduce less remaining left
multiply    | N N | 1~ | a * b | multiply multiplied product times area double triple twice scale
divide      | N N | 2 | a / b | divide divided quotient ratio average mean half fraction
floordiv    | N N | 2 | a // b | divide integer division quotient half floor whole
mod         | I I | 1 | a % b | modulo mod remainder divisible last modulus
modfloat    | F N | 3 | a % b | modulo remainder decimal part fractional
power       | N N | 2 | small_power(a, b) => a ** b | power raised exponent squared cubed square cube
square      | N | 2 | a * a | square squared squares area
cube        | N | 2 | a * a * a | cube cubed cubes volume
negate      | N | 1 | -a | negative negate negated opposite sign
absolute    | N | 1 | abs(a) | absolute magnitude distance difference modulus
plus_one    | I | 1 | a + 1 | next successor increment one inclusive
minus_one   | I | 1 | a - 1 | previous predecessor decrement one
double      | N | 2 | 2 * a | double doubled twice
half        | I | 2 | a // 2 | half halves halved middle
min2        | N N | 2~ | min(a, b) | minimum smaller smallest least lower
max2        | N N | 2~ | max(a, b) | maximum larger largest greater biggest
min3        | N N N | 3 | min(a, b, c) | minimum smallest least three
max3        | N N N | 3 | max(a, b, c) | maximum largest greatest three
clamp       | N N N | 4 | max(b, min(a, c)) | clamp limit bounded range within
less        | N N | 1 | a < b | less smaller below under before shorter fewer threshold
less_equal  | N N | 2 | a <= b | most atmost not_more within threshold
equal       | N N | 2~ | a == b | equal equals same exactly
unequal     | N N | 3~ | a != b | different unequal differ
between     | N N N | 4 | b <= a <= c | between within range inside inclusive
positive    | N | 2 | a > 0 | positive greater zero
negative    | N | 2 | a < 0 | negative below less zero
is_zero     | N | 3 | a == 0 | zero
even        | I | 2 | a % 2 == 0 | even
odd         | I | 2 | a % 2 == 1 | odd
divisible   | I CI | 2 | a % b == 0 | divisible multiple multiples divides evenly divisor factor
round_to    | F CI | 2 | round(a, b) | round rounded decimals places precision
round       | F | 2 | round(a) | round rounded nearest integer
floor       | F | 2 | math.floor(a) | floor round down integer part
ceil        | F | 2 | math.ceil(a) | ceiling ceil round up
truncate    | F | 2 | int(a) | truncate integer part whole convert
to_float    | I | 3 | float(a) | float decimal
sqrt        | N | 2 | math.sqrt(a) | root sqrt square
isqrt       | I | 3 | math.isqrt(a) | root integer square
is_square   | I | 3 | is_square(a) | perfect square
is_cube     | I | 4 | round(abs(a) ** (1 / 3)) ** 3 == abs(a) | perfect cube
factorial   | I | 2 | small_factorial(a) => math.factorial(a) | factorial
gcd         | I I | 2~ | math.gcd(a, b) | gcd greatest common divisor factor
lcm         | I I | 2~ | math.lcm(a, b) | lcm least common multiple
coprime     | I I | 4~ | math.gcd(a, b) == 1 | coprime relatively prime
binomial    | I I | 3 | small_comb(a, b) => math.comb(a, b) | binomial combinations choose
is_prime    | I | 2 | is_prime(a) if a < 10**9 else too_large() => is_prime(a) | prime primes
factors     | I | 3 | small_prime_factors(a) => prime_factors(a) | prime factors factorize factorization
divisors    | I | 3 | small_divisors(a) => divisors(a) | divisors divisor factors divides
digits      | I | 2 | digits(a) | digits digit
digit_sum   | I | 2 | sum(digits(a)) | digits digit sum
digit_count | I | 3 | len(str(abs(a))) | digits number length count
last_digit  | I | 3 | abs(a) % 10 | last digit units ones
reverse_int | I | 3 | int(str(abs(a))[::-1]) | reverse reversed digits backwards
bit_count   | I | 3 | bin(a).count("1") | bits binary ones set popcount
to_binary   | I | 2 | bin(a)[2:] | binary base bits
to_hex      | I | 3 | hex(a)[2:] | hexadecimal hex
to_base     | I I | 3 | in_base(a, b) | base convert representation
from_base   | S CI | 3 | int(a, b) | base convert decimal binary hexadecimal
bit_and     | I I | 3~ | a & b | bitwise and
bit_or      | I I | 3~ | either_bits(a, b) => a \| b | bitwise or
bit_xor     | I I | 3~ | a ^ b | bitwise xor exclusive
shift_left  | I I | 4 | small_shift(a, b) => a << b | shift bits left
shift_right | I I | 4 | a >> b | shift bits right
fibonacci   | I | 3 | small_fibonacci(a) => fibonacci(a) | fibonacci fib
triangular  | I | 3 | a * (a + 1) // 2 | triangular sum first natural
collatz     | I | 3 | small_collatz(a) => collatz(a) | collatz hailstone
to_roman    | I | 3 | small_roman(a) => to_roman(a) | roman numeral
upto        | I | 2 | list(range(1, a + 1)) if a < 2000 else too_large() => list(range(1, a + 1)) | range first up
below       | I | 2 | list(range(0, a)) if a < 2000 else too_large() => list(range(a)) | range below indices first
zero_upto   | I | 3 | list(range(0, a + 1)) if a < 2000 else too_large() => list(range(a + 1)) | range zero upto
range       | I I | 2 | small_range(a, b) => list(range(a, b)) | range between from
range_incl  | I I | 3 | small_range(a, b + 1) => list(range(a, b + 1)) | range between inclusive from
countdown   | I | 3 | list(range(a, 0, -1)) if a < 2000 else too_large() => list(range(a, 0, -1)) | countdown descending
multiples   | I I | 4 | small_range(b, a + 1, b) => list(range(b, a + 1, b)) | multiples
divmod      | I I | 3 | divmod(a, b) | quotient remainder
degrees     | N | 3 | math.degrees(a) | degrees
radians     | N | 3 | math.radians(a) | radians angle
hypot       | N N | 2~ | math.hypot(a, b) | hypotenuse distance diagonal length
log2        | N | 4 | math.log2(a) | logarithm log
sin         | N | 4 | math.sin(a) | sine sin
cos         | N | 4 | math.cos(a) | cosine cos
leap        | I | 3 | is_leap_year(a) | leap year
not         | B | 1 | not a | not no without except never isn
and         | B B | 1~ | a and b | and both
or          | B B | 1~ | a or b | or either
same_bool   | B B | 3~ | a == b | same agree
xor         | B B | 4~ | a != b | exactly exclusive different
bool_int    | B | 4 | int(a) | one zero indicator
"""
