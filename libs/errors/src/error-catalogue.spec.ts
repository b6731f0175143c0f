import { errorCatalogue, isErrorCode, type ErrorCode } from './error-catalogue';
import { RivuletError } from './rivulet-error';

const entries = Object.entries(errorCatalogue);

/** The codes of the entries of which something cannot be said. */
function codesWhere(isWrong: (entry: (typeof entries)[number][1], code: string) => boolean): string[] {
  return entries.filter(([code, entry]) => isWrong(entry, code)).map(([code]) => code);
}

describe('the texts of the catalogue', () => {
  it('have a title in sentence case, without a full stop', () => {
    // Only abbreviations keep their capitals: MAC, NULL.
    const title = /^[A-Z][a-z']*( ([a-z']+|[A-Z]{2,}))+$/;
    expect(codesWhere((entry) => !title.test(entry.title) || entry.title.length > 50)).toEqual([]);
  });

  it.each(['meaning', 'nextStep'] as const)('have a %s in whole sentences', (part) => {
    const sentences = /^[A-Z].*[^.\s]\.$/;
    // Two blanks, a blank before a mark, none behind it.
    const slip = / {2}| [.,;:]|[,;][^ \d]|[a-z]\.[A-Z]|[!\n]/;
    expect(codesWhere((entry) => !sentences.test(entry[part]) || slip.test(entry[part]))).toEqual([]);
    expect(codesWhere((entry) => entry[part].length > 120)).toEqual([]);
  });
});

describe('the catalogue', () => {
  it('has its codes in capitals', () => {
    expect(codesWhere((_, code) => !/^[A-Z]+(_[A-Z]+)*$/.test(code))).toEqual([]);
  });

  it('says each thing once', () => {
    const titles = entries.map(([, entry]) => entry.title);
    const meanings = entries.map(([, entry]) => entry.meaning);
    expect(new Set(titles).size).toBe(titles.length);
    expect(new Set(meanings).size).toBe(meanings.length);
  });

  it('knows its codes, and nothing that every object has', () => {
    expect(entries.map(([code]) => code).filter(isErrorCode).length).toBe(entries.length);
    for (const value of ['device_unknown', 'toString', '__proto__', '', undefined, 7, ['INTERNAL']]) {
      expect(isErrorCode(value)).toBe(false);
    }
  });
});

describe('an error', () => {
  const code: ErrorCode = 'DISK_FULL';

  it('brings the next step of the catalogue, unless it knows a better one', () => {
    expect(new RivuletError(code, 'Full.').nextStep).toBe(errorCatalogue[code].nextStep);
    expect(new RivuletError(code, 'Full.', { nextStep: 'Empty it.' }).nextStep).toBe('Empty it.');
  });

  it('has a cause only where one is given', () => {
    const cause = new Error('ENOSPC');
    expect(new RivuletError(code, 'Full.', { cause }).cause).toBe(cause);
    expect(Object.hasOwn(new RivuletError(code, 'Full.'), 'cause')).toBe(false);
  });
});
