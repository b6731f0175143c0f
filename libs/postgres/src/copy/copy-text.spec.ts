import { escapeCopyText, unescapeCopyText } from './copy-text';

it('a text is printed as COPY does, and read back', () => {
  const text = 'a\\b\b\f\n\r\t\v\\N é';
  expect(escapeCopyText(text)).toBe('a\\\\b\\b\\f\\n\\r\\t\\v\\\\N é');
  expect(unescapeCopyText(escapeCopyText(text))).toBe(text);
});

it('a backslash before any other character stands for that character', () => {
  expect(unescapeCopyText('\\x\\.')).toBe('x.');
});
