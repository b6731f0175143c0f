const CONTROL = /\p{Cc}/gu;
const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Whatever is in a row must not steer the terminal. */
export function escapeControls(text: string): string {
  return text.replaceAll(
    CONTROL,
    (character) => NAMED[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
