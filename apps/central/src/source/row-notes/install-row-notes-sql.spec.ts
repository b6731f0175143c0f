import { readFileSync } from 'node:fs';
import { installRowNotes, ROW_NOTES_RIGHTS } from './row-notes-schema';

it('db/source/install-row-notes.sql makes what central would make, and gives the rights that it asks for', () => {
  const text = readFileSync('db/source/install-row-notes.sql', 'utf8');
  expect(text).toContain(`${installRowNotes.trim()};\n`);
  expect(text).toContain(`'GRANT ${ROW_NOTES_RIGHTS} ON rivulet.changed_rows TO '`);
});
