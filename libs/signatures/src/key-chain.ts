import {
  readCentralKeyAccepted,
  readCentralKeyStatement,
  ShapeError,
  statementTypes,
  type CentralKeyStatement,
} from '@rivulet/protocol';
import { openStatement, StatementError } from './statement';

/** A key of central, and the one that it has named to follow it. */
export interface KeyLink {
  centralId: string;
  /** The next key's number. */
  number: number;
  /** RFC 7638. */
  from: string;
  to: string;
}

/** Why statements do not lead from one key to another. */
export class KeyChainError extends Error {}

/**
 * Opens the statements by which each key of central has named the next: each is signed by both, and they follow each other.
 *
 * @throws KeyChainError
 */
export async function openKeyChain(statements: readonly string[]): Promise<KeyLink[]> {
  const links: KeyLink[] = [];
  for (const [index, statement] of statements.entries()) {
    const link = await openLink(statement).catch((error: unknown) => {
      if (!(error instanceof StatementError || error instanceof ShapeError)) throw error;
      throw new KeyChainError(`Statement ${index + 1} cannot be believed. ${error.message}`, {
        cause: error,
      });
    });
    const before = links.at(-1);
    if (before !== undefined && !follows(link, before)) {
      throw new KeyChainError(`Statement ${index + 1} does not follow the one before it.`);
    }
    links.push(link);
  }
  return links;
}

async function openLink(statement: string): Promise<KeyLink> {
  const named = await openStatement(statement, statementTypes.centralKey);
  const said = readCentralKeyStatement(named.json);
  const accepted = await openStatement(said.accepted, statementTypes.centralKeyAccepted);
  const same = sameAs(said, readCentralKeyAccepted(accepted.json));
  if (!same || said.replaces !== named.signedBy.thumbprint) {
    throw new KeyChainError('A key was named by another than the one that it follows.');
  }
  if (said.thumbprint !== accepted.signedBy.thumbprint) {
    throw new KeyChainError('A key was named that has not agreed to it.');
  }
  return { centralId: said.centralId, number: said.number, from: said.replaces, to: said.thumbprint };
}

function sameAs(
  said: CentralKeyStatement,
  accepted: Pick<CentralKeyStatement, 'centralId' | 'number' | 'replaces'>,
): boolean {
  return (
    said.centralId === accepted.centralId &&
    said.number === accepted.number &&
    said.replaces === accepted.replaces
  );
}

function follows(link: KeyLink, before: KeyLink): boolean {
  return link.from === before.to && link.centralId === before.centralId && link.number === before.number + 1;
}
