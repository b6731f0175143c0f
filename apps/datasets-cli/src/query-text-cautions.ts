import { renderQuery } from '@rivulet/snapshot';
import type { DatasetDefinition } from '@rivulet/datasets';
import type { Findings } from './findings';

const HIDDEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(?<![\w$])\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$/g;
const INNERMOST_PARENTHESIS = /\([^()]*\)/g;

/** What can be told of a query by its words. */
export function cautionAboutText({ name, query }: DatasetDefinition, { warnings, notes }: Findings): void {
  const outer = outermost(renderQuery(query.template, (parameter) => `:${parameter}`));
  const star = /\bselect\s+(?:all\s+|distinct\s+)?(?:[\w$]+\.)?\*|,\s*[\w$]+\.\*/i.exec(outer);
  if (star !== null && !/\bwith\b/i.test(outer)) {
    const place = query.placeOf(star.index + star[0].length - 1);
    notes.add(
      place,
      `dataset ${name} takes every column with *, so a column that is added to the table goes to the devices after ` +
        'the next start of central; name the columns to have a say in that',
    );
  }
  const limit = /\b(?:limit|offset|fetch\s+(?:first|next))\b/i.exec(outer);
  if (limit !== null && !/\border\s+by\b/i.test(outer)) {
    warnings.add(
      query.placeOf(limit.index),
      `dataset ${name} keeps a part of its rows, and which ones may be different at each reading; add ORDER BY ` +
        'with columns that are unique together',
    );
  }
}

/** The query with blanks for what stands in strings, comments and parentheses. */
function outermost(query: string): string {
  let text = query.replaceAll(HIDDEN, blanks);
  for (let before = ''; before !== text;) {
    before = text;
    text = text.replaceAll(INNERMOST_PARENTHESIS, blanks);
  }
  return text;
}

function blanks(text: string): string {
  return ' '.repeat(text.length);
}
