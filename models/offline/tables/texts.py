"""Components on text: characters, words, searching, formatting, dates as text."""

TEXTS = r"""
length      | Q | 1 | len(a) | length long number count many size
upper       | S | 1 | a.upper() | uppercase upper capital capitals shout shouted
lower       | S | 1 | a.lower() | lowercase lower case insensitive regardless
swapcase    | S | 2 | a.swapcase() | swap flip case invert toggle
capitalize  | S | 2 | a.capitalize() | capitalize capitalise first uppercase
title       | S | 2 | a.title() | title capitalize words each
strip       | S | 2 | a.strip() | strip trim whitespace surrounding spaces leading trailing
strip_of    | S CS | 3 | a.strip(b) | strip trim surrounding
lstrip_of   | S CS | 3 | a.lstrip(b) | leading strip remove
rstrip_of   | S CS | 3 | a.rstrip(b) | trailing strip remove
words       | S | 1 | a.split() | words word split tokens sentence separated spaces
split       | S CS | 1 | a.split(b) | split separated delimited parts comma
lines       | S | 3 | a.splitlines() | lines line
join        | LS CS | 1 | b.join(a) | join joined string separated connected with
join_empty  | LS | 1 | "".join(a) | join string concatenate together concatenated
join_space  | LS | 2 | " ".join(a) | join words sentence space separated delimited
chars       | S | 2 | list(a) | characters letters chars list
concat      | S S | 2 | a + b | concatenate append followed add prefix suffix join
repeat      | S I | 2 | small_repeat(a, b) => a * b | repeat repeated times copies
contains    | S S | 1 | b in a | contains contain containing substring inside includes within in
startswith  | S S | 2 | a.startswith(b) | starts start begins begin prefix
endswith    | S S | 2 | a.endswith(b) | ends end suffix ending
same_text   | S S | 2~ | a == b | equal same equals identical
text_before | S S | 4 | a < b | alphabetical before lexicographic earlier
count_text  | S S | 2 | a.count(b) | count occurrences times many number
find_text   | S S | 3 | a.find(b) | index position find first occurrence
rfind_text  | S S | 4 | a.rfind(b) | last index position
replace     | S S S | 3 | a.replace(b, c) | replace replaced substitute instead
remove_text | S S | 2 | a.replace(b, "") | remove delete without omit strip
is_alpha    | S | 2 | a.isalpha() | letter letters alphabetic alpha
is_digit    | S | 2 | a.isdigit() | digit digits numeric number numbers
is_alnum    | S | 3 | a.isalnum() | alphanumeric
is_upper    | S | 2 | a.isupper() | uppercase upper capital capitals
is_lower    | S | 2 | a.islower() | lowercase lower
is_space    | S | 3 | a.isspace() | space whitespace
is_vowel    | S | 2 | a in "aeiouAEIOU" | vowel vowels consonant consonants
is_title    | S | 4 | a.istitle() | title capitalized
vowels      | S | 2 | [c for c in a if c in "aeiouAEIOU"] | vowel vowels
vowel_count | S | 3 | sum(c in "aeiouAEIOU" for c in a) | vowel vowels number count
no_vowels   | S | 3 | "".join(c for c in a if c not in "aeiouAEIOU") | vowel vowels remove without consonants
letters     | S | 3 | "".join(c for c in a if c.isalpha()) | letters only alphabetic remove
digits_of   | S | 3 | "".join(c for c in a if c.isdigit()) | digits only numbers
alnum_of    | S | 3 | "".join(c for c in a if c.isalnum()) | alphanumeric only punctuation remove
uppers      | S | 3 | "".join(c for c in a if c.isupper()) | uppercase capitals only acronym
upper_count | S | 3 | sum(c.isupper() for c in a) | uppercase capitals number count
lower_count | S | 3 | sum(c.islower() for c in a) | lowercase number count
digit_chars | S | 3 | sum(c.isdigit() for c in a) | digits number count
no_space    | S | 3 | "".join(a.split()) | spaces remove whitespace without
one_space   | S | 4 | " ".join(a.split()) | spaces extra multiple whitespace single
numbers_in  | S | 3 | [int(n) for n in re.findall(r"-?\d+", a)] | numbers integers extract
digit_runs  | S | 4 | re.findall(r"\d+", a) | numbers digits
word_runs   | S | 3 | re.findall(r"\w+", a) | words punctuation
alpha_runs  | S | 3 | re.findall(r"[A-Za-z]+", a) | words letters punctuation
capital_words | S | 4 | re.findall(r"[A-Z][a-z]*", a) | capital camel
to_int      | S | 2 | int(a) | integer number convert parse value
text_float  | S | 3 | float(a) | float number convert parse value decimal
to_str      | N | 2 | str(a) | string text convert
ord         | S | 3 | ord(a) | ascii code ordinal
chr         | I | 3 | chr(a) | ascii character
letter_pos  | S | 3 | ord(a.lower()) - 96 | position alphabet letter value
letter_sum  | S | 4 | sum(ord(c) - 96 for c in a.lower() if c.isalpha()) | value alphabet sum letters
ascii_sum   | S | 4 | sum(ord(c) for c in a) | ascii sum codes
shift       | S I | 3 | shift_letters(a, b) | shift caesar cipher rotate letters alphabet
palindrome  | S | 2 | a == a[::-1] | palindrome palindromic same backwards mirror
sort_text   | S | 2 | "".join(sorted(a)) | sort sorted alphabetical order letters characters
anagram     | S S | 4~ | sorted(a) == sorted(b) | anagram anagrams letters
unique_text | S | 3 | "".join(dict.fromkeys(a)) | unique duplicate duplicates distinct repeated remove
zfill       | S CI | 3 | small_zfill(a, b) => a.zfill(b) | zero pad padded padding width leading
ljust       | S CI | 4 | small_ljust(a, b) => a.ljust(b) | pad left width
rjust       | S CI | 4 | small_rjust(a, b) => a.rjust(b) | pad right width
center      | S CI | 4 | small_center(a, b) => a.center(b) | center centre pad width
before_text | S CS | 3 | a.split(b)[0] | before part first until
after_text  | S CS | 3 | a.split(b)[-1] | after part last
prefixes    | S | 3 | [a[:i] for i in range(1, len(a) + 1)] | prefixes prefix
suffixes    | S | 4 | [a[i:] for i in range(len(a))] | suffixes suffix
substrings  | S | 3 | small_substrings(a) => substrings(a) | substrings substring
first_word  | S | 3 | a.split()[0] | first word
last_word   | S | 3 | a.split()[-1] | last word
initials    | S | 3 | "".join(w[0] for w in a.split()) | initials acronym first letter
reverse_words | S | 3 | " ".join(a.split()[::-1]) | reverse words order
starts_upper | S | 3 | a[:1].isupper() | capital capitalized starts uppercase
only_digits_sum | S | 4 | sum(int(c) for c in a if c.isdigit()) | digits sum
format_two  | N | 3 | f"{a:.2f}" | format decimals two
balanced    | S CS CS | 3 | balanced(a, b, c) | balanced brackets parentheses parens matching
depth       | S CS CS | 4 | depth_of(a, b, c) | depth nesting nested deepest
match       | S CS | 5 | re.search(b, a) is not None | pattern match regex
run_length  | S | 4 | "".join(k + str(len(list(g))) for k, g in itertools.groupby(a)) | run length encode compress
squeeze     | S | 3 | "".join(k for k, _ in itertools.groupby(a)) | consecutive duplicates repeated squeeze adjacent
count_each  | S | 3 | {c: a.count(c) for c in a} | count each frequency occurrences histogram
month       | S | 3 | int(a[5:7]) | month
year        | S | 3 | int(a[:4]) | year
day         | S | 3 | int(a[8:10]) | day
weekday     | S | 3 | day_of(a).weekday() | weekday day week monday
weekday_name | S | 4 | day_of(a).strftime("%A") | weekday name day week
month_name  | S | 4 | day_of(a).strftime("%B") | month name
is_weekend  | S | 3 | day_of(a).weekday() >= 5 | weekend saturday sunday
quarter     | S | 3 | (int(a[5:7]) + 2) // 3 | quarter
day_of_year | S | 4 | day_of(a).timetuple().tm_yday | day year
days_apart  | S S | 3 | abs((day_of(a) - day_of(b)).days) | days between apart difference
days_until  | S S | 4 | (day_of(b) - day_of(a)).days | days until between after since
add_days    | S I | 3 | (day_of(a) + datetime.timedelta(days=b)).isoformat() | days after later add next before
flip_date   | S CS | 4 | b.join(a.split("-")[::-1]) | date format european reverse
valid_date  | S CS | 5 | re.fullmatch(b, a) is not None | valid format
minutes     | S | 3 | int(a[:2]) * 60 + int(a[3:5]) | minutes time hours clock midnight
clock       | I | 4 | f"{a // 60:02d}:{a % 60:02d}" | time clock hours minutes
"""
