import { hash } from 'node:crypto';
import { withoutSecrets } from './without-secrets';

const padded = `${' '.repeat(1_000)}DROP TABLE payroll`;

describe('what the audit log leaves out', () => {
  it('can be recognised, whatever it was padded with', () => {
    expect(withoutSecrets({ query: padded })).toEqual({
      query: `${padded.slice(0, 1_000)}… (1018 characters, SHA-256 ${hash('sha256', padded)})`,
    });
    const wide = { columns: Array.from({ length: 40 }, (_, index) => `${'x'.repeat(900)}${index}`) };
    expect(withoutSecrets(wide)).toEqual({
      omitted: `${JSON.stringify(wide).length} characters, SHA-256 ${hash('sha256', JSON.stringify(wide))}`,
    });
    const deep = [[[[[[[[['evil']]]]]]]]];
    const shown = JSON.stringify(withoutSecrets(deep));
    expect(shown).toContain(`8 characters, SHA-256 ${hash('sha256', '["evil"]')}`);
  });

  it('is a secret, of which nothing is said', () => {
    expect(withoutSecrets({ password: 'canary', refresh_token: padded, keyId: 'x' })).toEqual({
      password: '[hidden]',
      refresh_token: '[hidden]',
      keyId: 'x',
    });
  });
});
