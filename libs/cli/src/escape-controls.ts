/** Also what turns the direction of the text around, and separators at which some terminals begin a line. */
const CONTROL = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;
const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Whatever is in a row must not steer the terminal. */
export function escapeControls(text: string): string {
  return text.replaceAll(CONTROL, (character) => {
    const digits = character.charCodeAt(0).toString(16);
    return (
      NAMED[character] ??
      (digits.length > 2 ? `\\u${digits.padStart(4, '0')}` : `\\x${digits.padStart(2, '0')}`)
    );
  });
}

/** All texts of a document that has come from elsewhere. */
export function escapeControlsIn<T>(document: T): T {
  return JSON.parse(JSON.stringify(document), (_, value: unknown) =>
    typeof value === 'string' ? escapeControls(value) : value,
  ) as T;
}
