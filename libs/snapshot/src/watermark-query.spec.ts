import { renderQuery } from './query-template';
import { parseWatermarkQuery, watermarkColumnOf } from './watermark-query';

const rendered = (text: string): string => renderQuery(parseWatermarkQuery(text), () => "('x')");

it.each([
  ['SELECT * FROM users WHERE updated_at > ?', "SELECT * FROM users WHERE updated_at >  ('x') "],
  ['SELECT id FROM t WHERE n>=?;', "SELECT id FROM t WHERE n>= ('x') "],
  ["SELECT '?' AS id -- ?", "SELECT '?' AS id -- ?"],
  ["SELECT id FROM t WHERE j ?? 'a' AND n > ?", "SELECT id FROM t WHERE j ? 'a' AND n >  ('x') "],
  ["SELECT id FROM t WHERE j ?| ARRAY['a']", "SELECT id FROM t WHERE j ?| ARRAY['a']"],
])('puts the value into %s', (text, expected) => {
  expect(rendered(text)).toBe(expected);
});

it.each([
  ['SELECT * FROM users WHERE updated_at > ?', 'updated_at'],
  ['SELECT * FROM users u WHERE u."Changed">= ?', 'Changed'],
  ['SELECT * FROM users WHERE updated_at>?', 'updated_at'],
  ['SELECT * FROM users WHERE ? < updated_at', undefined],
  ['SELECT * FROM users', undefined],
])('finds the column of %s', (text, column) => {
  expect(watermarkColumnOf(text)).toBe(column);
});

it.each([
  ['SELECT 1; DROP TABLE users', 'more than one statement'],
  ['SELECT * FROM t WHERE a = :b', 'the only parameter is ?'],
  ['SELECT * FROM t WHERE a = $1', 'the only parameter is ?'],
  ["SELECT 'x", 'never closed'],
])('refuses %s', (text, reason) => {
  expect(() => parseWatermarkQuery(text)).toThrow(reason);
});
