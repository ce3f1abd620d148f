"""What is written and what is said."""

import pytest

from comps.gptsovits.text.registry import front_end

SAID = {
    # numbers
    "I have 12,345 stars.": "I have twelve thousand three hundred forty-five stars.",
    "007 is Bond": "zero zero seven is Bond",
    "It is 3.14, or .5.": "It is three point one four, or point five.",
    "The 1st, 22nd and 103rd.": "The first, twenty-second and one hundred third.",
    "Add 3/4 and 2 1/2 and ½.": "Add three quarters and two and a half and one half.",
    "It won 3-2, at 16:9.": "It won three to two, at sixteen to nine.",
    "Pages 10–15": "Pages ten to fifteen",
    "2 + 2 = 4": "two plus two equals four",
    "x² and 10^6": "x squared and ten to the power of six",
    # money
    "It costs $5, $1.50 or $0.99.": "It costs five dollars, one dollar and fifty cents or ninety-nine cents.",
    "£2.5m and €5–10": "two point five million pounds and five to ten euros",
    "50¢, ¥500, 20 USD": "fifty cents, five hundred yen, twenty U S dollars",
    "$3.5 million": "three point five million dollars",
    # dates and times
    "On 12/25/2023 at 10:30 a.m.": "On December twenty-fifth, twenty twenty-three at ten thirty A M.",
    "2024-05-06 was a Monday.": "May sixth, twenty twenty-four was a Monday.",
    "Jan. 5th, 2023": "January fifth, twenty twenty-three",
    "25 December 1905": "twenty-fifth of December, nineteen oh five",
    "in the 1990s and the '80s": "in the nineteen nineties and the eighties",
    "At 14:05, 9:00 and 5pm": "At two oh five P M, nine o'clock and five P M",
    "2h 45m 30s": "two hours forty-five minutes thirty seconds",
    # units
    "5kg, 20cm, 60km/h": "five kilograms, twenty centimeters, sixty kilometers per hour",
    "It is -5°C": "It is minus five degrees Celsius",
    "a 1 km run of 16GB": "a one kilometer run of sixteen gigabytes",
    "15.7% up": "fifteen point seven percent up",
    "He is 6'2\".": "He is six foot two.",
    # capitals
    "NASA and the FBI's IT department": "NASA and the F B I's I T department",
    "CEOs use PCs": "C E O's use P C's",
    "STOP! I LOVE it": "stop! I love it",
    "ALL CAPS TEXT IS LOUD.": "all caps text is loud.",
    "MP3, H2O, COVID-19, GPT-4": "M P three, H two O, COVID nineteen, G P T four",
    "the U.S. and U.K. GDP": "the U S and U K G D P",
    "World War II and Henry VIII": "World War two and Henry the eighth",
    # abbreviations
    "Dr. Smith vs. Mrs. Jones, etc.": "Doctor Smith versus Missus Jones, et cetera.",
    "42 Elm St. near St. Mary's": "forty-two Elm Street near Saint Mary's",
    "i.e. this, e.g. that": "that is, this, for example, that",
    "No. 5 w/o sugar": "number five without sugar",
    "J. K. Rowling, a Ph.D. student": "J K Rowling, a P H D student",
    # addresses
    "Mail test@example.com": "Mail test at example dot com",
    "See https://docs.python.org/3.": "See docs dot python dot org slash three.",
    "Call 555-0199.": "Call five five five, zero one nine nine.",
    "Open 9am–5pm, Mon–Fri.": "Open nine A M to five P M, Monday to Friday.",
    "$9.99/month, $.50": "nine dollars and ninety-nine cents per month, fifty cents",
    "Rs. 500": "five hundred rupees",
    "a 50/50 chance, 95.5/100": "a fifty fifty chance, ninety-five point five out of one hundred",
    "1.000.000, 1 000 000, 100k users": "one million, one million, one hundred thousand users",
    "3 × 4, 5 - 3 = 2": "three times four, five minus three equals two",
    "Washington, DC 20500": "Washington, D C two zero five zero zero",
    "a 25-year-old, 5–6 hrs": "a twenty-five year old, five to six hours",
    # signs and marks
    "A dog & a bird": "A dog and a bird",
    "C++ and C#": "C plus plus and C sharp",
    "Well—this is “quoted” … yes": "Well, this is quoted, yes",
    "(one) [two]; three: four": "one, two, three, four",
    "What?! No!!": "What? No!",
    "résumé, naïve, ﬁne": "resume, naive, fine",
    "it’s y'all'd": "it's y'all'd",
}


@pytest.mark.parametrize(("written", "said"), SAID.items())
def test_english_is_said_as_readers_say_it(written: str, said: str) -> None:
    assert front_end("en").normalize(written) == said
