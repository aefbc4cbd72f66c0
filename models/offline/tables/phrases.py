"""What components are called in the tasks that the model proposes: one line each, a stage of a small pipeline.

A constant `{c}` is drawn from the range or the list in the last column.
"""

PHRASES = r"""
keep   | int | even         | are even
keep   | int | odd          | are odd
keep   | int | is_prime     | are prime
keep   | int | divisible    | can be divided by {c} without a rest | 3..9
keep   | int | less         | are below {c} | 20..70
keep   | int | digit_sum even | have an even digit sum
keep   | int | digit_sum odd | have an odd digit sum
keep   | int | digit_sum is_prime | have a prime digit sum
keep   | int | reverse_int even | are even when read backwards
keep   | int | bit_count odd | have an odd number of ones in binary
keep   | int | bit_count even | have an even number of ones in binary
keep   | int | last_digit less | end with a digit below {c} | 3..7
keep   | int | half odd     | are odd after halving without the rest
keep   | str | palindrome   | read the same backwards
keep   | str | contains     | contain the letter "{c}" | a e i o s t
keep   | str | length even  | have an even length
keep   | str | length odd   | have an odd length
keep   | str | length less  | are shorter than {c} letters | 5..6
keep   | str | vowel_count even | have an even number of vowels
keep   | str | vowel_count odd | have an odd number of vowels
keep   | str | length is_prime | have a prime length
keep   | str | letter_sum even | have letters whose places in the alphabet add up to an even number
keep   | str | unique_text length even | are made of an even number of different letters
change | int | square       | Square each of them
change | int | double       | Double each of them
change | int | plus_one     | Replace each by its successor
change | int | digit_sum    | Replace each by its digit sum
change | int | reverse_int  | Turn the digits of each around
change | int | last_digit   | Take the last digit of each
change | int | half         | Halve each without the rest
change | int | bit_count    | Count the ones in the binary form of each
change | int | to_binary    | Write each in binary
change | int | to_str       | Write each as a text
change | int | mod          | Take the rest of each when divided by {c} | 3..9
change | int | multiply     | Multiply each by {c} | 3..9
change | int | subtract     | Subtract {c} from each | 3..30
change | int | digit_sum square | Square the digit sum of each
change | int | square digit_sum | Take the digit sum of the square of each
change | int | double reverse_int | Double each and turn the digits of the result around
change | int | multiply plus_one | Multiply each by {c} and add one | 3..9
change | str | upper        | Write each in capitals
change | str | reverse      | Turn each around
change | str | length       | Take the length of each
change | str | first        | Take the first letter of each
change | str | last         | Take the last letter of each
change | str | tail         | Leave out the first letter of each
change | str | init         | Leave out the last letter of each
change | str | sort_text    | Sort the letters of each
change | str | no_vowels    | Remove the vowels of each
change | str | vowel_count  | Count the vowels of each
change | str | unique_text  | Drop the repeated letters of each
change | str | letter_sum   | Add up the places in the alphabet of the letters of each
change | str | concat       | Put "{c}" behind each | ! ? -x ed
change | str | upper reverse | Write each in capitals and turn it around
change | str | length double | Take twice the length of each
change | str | capitalize   | Capitalize each
sum    | int | sum          | the sum
sum    | int | max          | the largest
sum    | int | min          | the smallest
sum    | int | spread       | the difference between the largest and the smallest
sum    | int | count_uniq   | the number of different ones
sum    | int | length       | how many there are
sum    | int | first        | the first one
sum    | int | last         | the last one
sum    | int | sort         | them in ascending order
sum    | int | sort_down    | them in descending order
sum    | int | unique       | the different ones, each where it comes first
sum    | int | reverse      | them in reverse order
sum    | int | diffs        | the differences between neighbours, the later minus the earlier
sum    | int | cumsum       | their running totals
sum    | int | sum digit_sum | the digit sum of their sum
sum    | int | max double   | twice the largest
sum    | int | sum odd      | whether their sum is odd
sum    | str | join_empty   | them put together as one text
sum    | str | join         | them as one text with "{c}" in between | - / + :
sum    | str | sort         | them in alphabetical order
sum    | str | sort_len     | them from short to long
sum    | str | longest      | the longest one, the first of equals
sum    | str | shortest     | the shortest one, the first of equals
sum    | str | max          | the last one in alphabetical order
sum    | str | min          | the first one in alphabetical order
sum    | str | count_uniq   | the number of different ones
sum    | str | length       | how many there are
sum    | str | unique       | the different ones, each where it comes first
sum    | str | reverse      | them in reverse order
sum    | str | join_empty length | how many letters they have together
sum    | str | join_empty reverse | them put together as one text and turned around
"""
