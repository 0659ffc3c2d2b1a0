// Han and related scripts, full-width forms and emoji, except half-width forms.
const wide =
  /(?![\uff61-\uffdc])[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Bopomofo}\p{sc=Yi}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uffe6]/u;
// U+FE0F selects the wide form of the preceding character.
const empty = /(?![\u00ad\ufe0f])[\p{Mn}\p{Me}\p{Cf}]/u;

/**
 * Width of a text on a terminal in cells: two per CJK character or emoji, none for a combining
 * mark. If terminals differ, as for joined emoji, it is the largest width.
 *
 * @param text a text without control characters
 */
export function cellsOf(text: string): number {
  let cells = 0;
  for (const character of text) {
    if (character <= "\x7f") cells++;
    else if (wide.test(character)) cells += 2;
    else if (!empty.test(character)) cells++;
  }
  return cells;
}
