/** Words that a date or time type reads as a day or moment of now. https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES */
const MOVING_WORD = /(?<!\p{L})(?:now|today|tomorrow|yesterday)(?!\p{L})/iu;

/** The first such word in a text. */
export function movingWord(text: string): string | undefined {
  return MOVING_WORD.exec(text)?.[0];
}
