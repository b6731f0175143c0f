import { ValidateBy } from 'class-validator';

const LABELS_MAX = 32;
const KEY = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^[^\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]{0,128}$/u;

/** Labels of a device: a few short texts by name. */
export function AreLabels(): PropertyDecorator {
  return ValidateBy({
    name: 'areLabels',
    validator: {
      validate: areLabels,
      defaultMessage: () =>
        `must be an object of at most ${LABELS_MAX} labels: names of letters, digits and . _ / -, texts of at most 128 characters`,
    },
  });
}

function areLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const labels = Object.entries(value);
  return (
    labels.length <= LABELS_MAX &&
    labels.every(([key, text]) => KEY.test(key) && typeof text === 'string' && VALUE.test(text))
  );
}
