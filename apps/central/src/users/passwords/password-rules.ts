import { RivuletError } from '@rivulet/errors';

const LENGTH_MIN = 12;
const DIFFERENT_MIN = 5;
/** Parts that are guessed first; a password of little else is guessed, too. */
const COMMON = [
  'password',
  'passw0rd',
  'qwertz',
  'qwerty',
  'letmein',
  'welcome',
  'iloveyou',
  'administrator',
];
const COMMON_REST_MIN = 8;

/** @throws RivuletError PASSWORD_WEAK, without the password */
export function refuseWeakPassword(password: string, username: string): void {
  const reason = weakness(password.normalize('NFKC').toLowerCase(), username.toLowerCase());
  if (reason !== undefined) throw new RivuletError('PASSWORD_WEAK', `The password ${reason}.`);
}

function weakness(password: string, username: string): string | undefined {
  const characters = Array.from(password);
  if (characters.length < LENGTH_MIN) return `has fewer than ${LENGTH_MIN} characters`;
  if (new Set(characters).size < DIFFERENT_MIN) return `has fewer than ${DIFFERENT_MIN} different characters`;
  if (username.length > 2 && password.includes(username)) return 'contains the user name';
  if (isSequence(password)) return 'is a sequence';
  const rest = COMMON.reduce((text, common) => text.replaceAll(common, ''), password);
  return rest !== password && rest.length < COMMON_REST_MIN ? 'is too common' : undefined;
}

/** `123456789012`, `abcdefghijkl` */
function isSequence(text: string): boolean {
  const steps = Array.from(text)
    .slice(1)
    .map((character, index) => character.charCodeAt(0) - text.charCodeAt(index));
  return steps.filter((step) => step === 1 || step === 0).length >= steps.length - 1;
}
