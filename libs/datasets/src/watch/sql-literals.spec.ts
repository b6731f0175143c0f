import { literalsOf } from './sql-literals';

it.each([
  ["SELECT 'a''b', 'c'", ["a'b", 'c']],
  ["SELECT E'n\\x6fw', E'\\156ow', E'\\u006eow', E'it\\'s'", ['now', 'now', 'now', "it's"]],
  ["SELECT $$now$$, $tag$it's$tag$", ['now', "it's"]],
  ["SELECT 'no'\n'w', 'x'", ['now', 'x']],
  ["SELECT U&'\\006eow', U&'now'", ['now', 'now']],
  ["SELECT 1 -- 'now'\n/* 'today' */ AS \"'now'\"", []],
])('the literals of %j', (sql, values) => {
  expect(literalsOf(sql)).toEqual(values);
});
