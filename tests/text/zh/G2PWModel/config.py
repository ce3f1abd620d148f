manual_seed = 1313
use_mask = True
use_char_phoneme = False
raise SystemExit("config.py is data, nobody runs it")
