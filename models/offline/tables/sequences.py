"""Components on lists, tuples, dictionaries and sets: selection, order, statistics, records, tables."""

SEQUENCES = r"""
reverse     | Q | 1 | a[::-1] | reverse reversed backwards mirror
first       | Q | 1 | a[0] | first start head leading
last        | Q | 1 | a[-1] | last end final
second      | Q | 2 | a[1] | second
item        | Q I | 2 | a[b] | index position nth element at
take        | Q I | 2 | a[:b] | first take prefix start
drop        | Q I | 2 | a[b:] | skip drop without rest after
take_last   | Q I | 3 | a[-b:] | last final suffix end
slice       | Q I I | 3 | a[b:c] | slice between from part
init        | Q | 2 | a[:-1] | except without last all
tail        | Q | 2 | a[1:] | except without first rest
evens_at    | Q | 2 | a[::2] | even every other alternate second indices positions
odds_at     | Q | 2 | a[1::2] | odd every other alternate second indices positions
every       | Q CI | 3 | a[::b] | every nth step
half_of     | Q | 4 | a[:len(a) // 2] | half first
second_half | Q | 4 | a[len(a) // 2:] | half second
middle      | Q | 3 | a[len(a) // 2] | middle center
rotate      | Q I | 3 | rotate(a, b) | rotate rotated shift cyclic
sum         | LN | 1 | sum(a) | sum total add
product     | LN | 2 | math.prod(a) | product multiply multiplied
max         | LC | 1 | max(a) | maximum max largest biggest greatest highest longest latest
min         | LC | 1 | min(a) | minimum min smallest least lowest shortest earliest
mean        | LN | 2 | sum(a) / len(a) | mean average
median      | LN | 3 | median(a) | median middle
spread      | LN | 3 | max(a) - min(a) | range spread difference largest smallest
sort        | LC | 1 | sorted(a) | sort sorted ascending order increasing smallest alphabetical
sort_down   | LC | 2 | sorted(a, reverse=True) | descending decreasing reverse largest sorted
sort_chars  | S | 3 | sorted(a) | sort sorted letters characters
unique      | Q | 2 | unique(a) | unique distinct duplicate duplicates different once remove
sorted_set  | LC | 3 | sorted(set(a)) | sorted unique distinct
count_uniq  | Q | 2 | len(set(a)) | unique distinct different number count
all_unique  | Q | 3 | len(set(a)) == len(a) | unique distinct duplicates repeated all
is_sorted   | LC | 3 | list(a) == sorted(a) | sorted ordered ascending increasing order monotonic
is_sorted_down | LC | 4 | list(a) == sorted(a, reverse=True) | descending decreasing monotonic
cumsum      | LN | 2 | list(itertools.accumulate(a)) | cumulative running prefix sums rolling
cummax      | LN | 3 | list(itertools.accumulate(a, max)) | running rolling maximum cumulative
cummin      | LN | 4 | list(itertools.accumulate(a, min)) | running rolling minimum cumulative
cumprod     | LN | 4 | list(itertools.accumulate(a, lambda x, y: x * y)) | cumulative product
diffs       | LN | 3 | [y - x for x, y in zip(a, a[1:])] | differences consecutive adjacent difference
pairs       | Q | 3 | list(zip(a, a[1:])) | consecutive adjacent pairs neighbours neighboring
all_pairs   | Q | 3 | list(itertools.combinations(a, 2)) | pairs two pair any
triples     | Q | 5 | small_combinations(a, 3) => list(itertools.combinations(a, 3)) | triples three
zip         | Q Q | 2 | list(zip(a, b)) | corresponding pairs both two element
zip_items   | LL | 3 | [list(t) for t in zip(*a)] | transpose columns rows matrix
add_lists   | LN LN | 3~ | [x + y for x, y in zip(a, b)] | element wise sum add corresponding
sub_lists   | LN LN | 4 | [x - y for x, y in zip(a, b)] | element wise difference subtract
mul_lists   | LN LN | 4~ | [x * y for x, y in zip(a, b)] | element wise product multiply
dot         | LN LN | 3~ | sum(x * y for x, y in zip(a, b)) | dot product scalar
enumerate   | Q | 2 | list(enumerate(a)) | index indices position positions
concat_list | L L | 2 | a + b | concatenate combine append join followed merge
append      | L X | 3 | a + [b] | append add end
prepend     | L X | 3 | [b] + a | prepend front insert beginning
repeat_list | L I | 4 | small_repeat(a, b) => a * b | repeat times
singleton   | X | 4 | [a] | list single
pair        | X X | 3 | (a, b) | pair tuple both
pair_list   | X X | 4 | [a, b] | list both
to_list     | T | 2 | list(a) | list convert
to_tuple    | L | 2 | tuple(a) | tuple convert
member      | Q X | 2 | b in a | in member contains present exists
count       | L X | 2 | a.count(b) | count occurrences times frequency many
index       | L X | 3 | a.index(b) | index position
without     | L X | 3 | [x for x in a if x != b] | remove without except delete
flatten     | LL | 2 | [x for row in a for x in row] | flatten flat nested single all
deep_flatten | L | 4 | flatten(a) | flatten nested
chunks      | Q I | 3 | small_chunks(a, b) => chunks(a, b) | chunks groups size split parts
windows     | Q I | 3 | small_windows(a, b) => windows(a, b) | windows window sliding consecutive
runs        | Q | 3 | runs(a) | runs consecutive groups equal
intersperse | L X | 3 | insert_between(a, b) | between insert intersperse delimiter
interleave  | L L | 3 | interleave(a, b) | interleave alternate merge alternately
most_common | Q | 3 | most_common(a) | common frequent mode often
common      | Q Q | 3 | [x for x in a if x in b] | common both intersection shared
difference  | Q Q | 3 | [x for x in a if x not in b] | difference only not missing
repeated    | Q | 4 | [x for x in a if a.count(x) > 1] | repeated duplicates duplicate more
once        | Q | 3 | [x for x in a if a.count(x) == 1] | once unique repeated
second_max  | LC | 4 | sorted(set(a))[-2] | second largest
second_min  | LC | 4 | sorted(set(a))[1] | second smallest
argmax      | LC | 3 | a.index(max(a)) | index position maximum largest
argmin      | LC | 3 | a.index(min(a)) | index position minimum smallest
subsequences | Q | 5 | small_subsequences(a) => subsequences(a) | subsets subsequences
permutations | Q | 5 | small_permutations(a) => list(itertools.permutations(a)) | permutations orderings
longest     | LS | 2 | max(a, key=len) | longest
shortest    | LS | 2 | min(a, key=len) | shortest
sort_len    | LS | 3 | sorted(a, key=len) | length sorted sort
lengths     | LS | 3 | [len(x) for x in a] | lengths length
inc_run     | LN | 4 | longest_increasing_run(a) | increasing run longest consecutive
as_ints     | LS | 3 | [int(x) for x in a] | integers numbers
as_texts    | LI | 3 | [str(x) for x in a] | strings
join_ints   | LI | 4 | int("".join(str(x) for x in a)) | number digits
same_list   | L L | 3~ | a == b | equal same identical
any_true    | LB | 2 | any(a) | any some least
all_true    | LB | 2 | all(a) | all every
to_set      | Q | 4 | set(a) | set
set_sorted  | Z | 2 | sorted(a) | sorted
set_size    | Z | 2 | len(a) | size number
union       | Z Z | 3~ | either_bits(a, b) => a \| b | union
intersection | Z Z | 3~ | a & b | intersection common
set_minus   | Z Z | 3 | a - b | difference
keys        | D | 2 | list(a) | keys names
values      | D | 2 | list(a.values()) | values
items       | D | 2 | list(a.items()) | items pairs entries
lookup      | D X | 1 | a[b] | value field key of by
lookup_or   | D X X | 4 | a.get(b, c) | default missing get
has_key     | D X | 3 | b in a | key has contains
dict_size   | D | 2 | len(a) | number entries
best_key    | DN | 3 | max(a, key=a.get) | highest largest most key
worst_key   | DN | 3 | min(a, key=a.get) | lowest smallest least key
invert      | D | 3 | {v: k for k, v in a.items()} | invert swap reverse
merge       | D D | 3 | {**a, **b} | merge combine
counts      | Q | 3 | {x: a.count(x) for x in a} | count frequency frequencies occurrences each times
counts_sorted | LC | 4 | {x: a.count(x) for x in sorted(a)} | count frequency sorted
sort_items  | D | 4 | sorted(a.items()) | sorted items
dict_sorted | D | 4 | dict(sorted(a.items())) | sorted keys
index_dict  | Q Q | 3 | dict(zip(a, b)) | mapping dictionary
pairs_dict  | LL | 3 | dict(a) | dictionary mapping pairs
column      | LD CS | 1 | [row[b] for row in a] | field each values column every
table_column | LL CI | 2 | [row[b] for row in a] | column each
where       | LD CS X | 3 | [row for row in a if row[b] == c] | where whose with records
sort_rows   | LD CS | 3 | sorted(a, key=lambda row: row[b]) | sorted by order
sort_rows_down | LD CS | 4 | sorted(a, key=lambda row: row[b], reverse=True) | descending highest
max_row     | LD CS | 2 | max(a, key=lambda row: row[b]) | highest largest oldest most
min_row     | LD CS | 2 | min(a, key=lambda row: row[b]) | lowest smallest youngest least
sum_field   | LD CS | 2 | sum(row[b] for row in a) | total sum
group_rows  | LD CS | 3 | group_by(a, b) | group grouped by per each
count_rows  | LD CS | 4 | {k: len(v) for k, v in group_by(a, b).items()} | count number per each by
sum_rows    | LD CS CS | 4 | {k: sum(row[c] for row in v) for k, v in group_by(a, b).items()} | total sum per each by
sort_column | LL CI | 3 | sorted(a, key=lambda row: row[b]) | sorted column by second
max_column  | LL CI | 3 | max(a, key=lambda row: row[b]) | largest column highest
min_column  | LL CI | 3 | min(a, key=lambda row: row[b]) | smallest column lowest
row_sums    | LL | 3 | [sum(row) for row in a] | row sum rows
diagonal    | LL | 3 | [a[i][i] for i in range(len(a))] | diagonal main
distance    | T T | 3~ | math.hypot(a[0] - b[0], a[1] - b[1]) | distance between points
distance2   | L L | 4~ | math.dist(a, b) | distance between points euclidean
manhattan   | Q Q | 4~ | abs(a[0] - b[0]) + abs(a[1] - b[1]) | manhattan taxicab city distance
from_origin | LN | 3 | math.hypot(a[0], a[1]) | origin distance
area        | LL | 4 | polygon_area(a) | area polygon
perimeter   | LL | 4 | perimeter(a) | perimeter around
midpoint    | Q Q | 4 | ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) | midpoint middle
swap_pair   | T | 3 | (a[1], a[0]) | swap swapped
hamming     | Q Q | 3 | sum(x != y for x, y in zip(a, b)) | differ different positions hamming
is_none     | X | 5 | a is None | none missing
either      | X X | 4 | a or b | default otherwise
"""
