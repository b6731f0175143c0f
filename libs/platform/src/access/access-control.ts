import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { AccessRule } from './access-rule';
import type { Authenticator } from './authenticator';
import { LocalAuthenticator } from './local-authenticator';

const anyone = { kind: 'anyone', id: 'anyone', name: 'anyone' } as const;

/** Who answers for which rule. Features register their authenticators here when their modules are made. */
@Injectable()
export class AccessControl {
  private readonly authenticators = new Map<AccessRule, Authenticator>([
    ['public', { refusals: [], authenticate: () => anyone }],
    ['local', new LocalAuthenticator()],
  ]);

  /** A later one takes the place of an earlier one. */
  register(rules: readonly AccessRule[], authenticator: Authenticator): void {
    for (const rule of rules) this.authenticators.set(rule, authenticator);
  }

  find(rule: AccessRule): Authenticator | undefined {
    return this.authenticators.get(rule);
  }

  /** @throws RivuletError INTERNAL when nobody answers for the rule: nobody is let in then */
  of(rule: AccessRule | undefined): Authenticator {
    const authenticator = rule === undefined ? undefined : this.authenticators.get(rule);
    if (authenticator === undefined) throw new RivuletError('INTERNAL', 'Nobody may call this route.');
    return authenticator;
  }
}
