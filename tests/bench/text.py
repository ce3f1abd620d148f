"""`python -m tests.bench.text`: characters a second of one core for each language, and how long the first
request in it takes.

Prints a table and one line of JSON; exit status 1 if a language is slower than 2,000 characters a second, or
its first answer takes more than 2 seconds in a process that begins to load all languages when it is asked.
Times are processor time: the same whatever else the machine does.
"""

import json
import subprocess
import sys
import time

from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.text.registry import front_end, installed_languages, warm_up

REQUIRED = 2_000
FIRST_ANSWER_SECONDS = 2.0
TEXTS = {
    "en": "Dr. Smith paid $12.50 at 10:30 a.m. on March 5th, 2024; the weather, however, wasn't lovely. "
    "I read about Kubernetes and smartwatches yesterday, and I'll read 3,000 reports tomorrow. ",
    "zh": "今天是2024年3月5日，天气真不错，我们一起去公园散步吧。"
    "他花了1234.56元，买了3张票，"
    "还不知道行不行。银行的行长说，重庆的重要会议在下午3点半开始，"
    "大约有百分之六十的人同意。",
    "yue": "今日係2024年3月5日，天氣好好，我哋一齊去公園行下啦。佢用咗一千二百蚊買咗三張飛，唔知道點解。",
    "ja": "今日は2024年3月5日です。とても良い天気ですね。東京タワーまで歩いて行きましょう。"
    "彼は1,234円で切符を3枚買って、友達と一緒に映画を見に行きました。",
    "ko": "오늘은 2024년 3월 5일입니다. 날씨가 정말 좋네요. 우리 함께 공원에 산책하러 갈까요? "
    "그는 12,345원을 내고 표를 세 장 샀는데, 같이 갈 사람이 없었습니다. ",
}


def first_answer(language: str) -> float:
    """Seconds until a new process has read a text, while it loads every language in the background."""
    command = [sys.executable, "-m", "tests.bench.text", language]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def answer_first(language: str) -> float:
    began = time.process_time()
    warm_up()
    phonemize(TEXTS[language], language)
    return time.process_time() - began


def main() -> int:
    results = {}
    for language in installed_languages():
        first = first_answer(language)
        front_end(language)
        phonemize(TEXTS[language], language)
        text = "".join(f"{TEXTS[language]}{number}" for number in range(4_000 // len(TEXTS[language]) + 1))
        began = time.process_time()
        phonemize(text, language)
        seconds = time.process_time() - began
        speed = round(len(text) / seconds)
        results[language] = {"characters_per_second": speed, "first_answer_seconds": round(first, 2)}
        verdict = "PASS" if _is_quick(results[language]) else "FAIL"
        print(
            f"{language:<4} {speed:>9,} characters/s   first answer after {first:5.2f} s   {verdict}",
            flush=True,
        )
    passed = all(map(_is_quick, results.values()))
    required = {"characters_per_second": REQUIRED, "first_answer_seconds": FIRST_ANSWER_SECONDS}
    print(json.dumps({"passed": passed, "required": required, **results}))
    return 0 if passed else 1


def _is_quick(result: dict[str, float]) -> bool:
    return (
        result["characters_per_second"] >= REQUIRED and result["first_answer_seconds"] <= FIRST_ANSWER_SECONDS
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(answer_first(sys.argv[1]))
        sys.exit()
    sys.exit(main())
