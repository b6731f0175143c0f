import { resolveSource } from './source-options';

const own = { url: 'postgresql://central@own:5432/central', isEmbedded: false };
const apart = 'postgresql://reader@theirs:5432/company';

describe('the source', () => {
  it.each([
    ['not named', undefined],
    ['named as the same', own.url],
  ])("is central's own database when it is %s, filled when that is embedded or when asked to", (_, url) => {
    const of = (demoData: boolean | undefined, isEmbedded: boolean): unknown =>
      resolveSource({ sourceDatabaseUrl: url, demoData }, { ...own, isEmbedded });
    const source = { url: own.url, urlVariable: 'CENTRAL_DATABASE_URL', isApart: false };
    expect(of(undefined, false)).toEqual({ ...source, demoData: false });
    expect(of(undefined, true)).toEqual({ ...source, demoData: true });
    expect(of(false, true)).toEqual({ ...source, demoData: false });
    expect(of(true, false)).toEqual({ ...source, demoData: true });
  });

  it('is never filled when it is apart', () => {
    const named = { sourceDatabaseUrl: apart, demoData: undefined };
    const urlVariable = 'CENTRAL_SOURCE_DATABASE_URL';
    const source = { url: apart, urlVariable, isApart: true, demoData: false };
    expect(resolveSource(named, own)).toEqual(source);
    expect(resolveSource(named, { ...own, isEmbedded: true })).toEqual(source);
    expect(() => resolveSource({ ...named, demoData: true }, own)).toThrow(
      expect.objectContaining({ code: 'ENVIRONMENT_INVALID' }),
    );
  });
});
