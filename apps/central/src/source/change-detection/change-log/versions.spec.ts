import { Versions } from './versions';

it('have one id for equal versions of the same tables, however these were listed', () => {
  const versions = new Versions({ '16400': 'a', '9': 'b' });
  expect(new Versions({ '9': 'b', '16400': 'a' }).id).toBe(versions.id);
  expect(new Versions({ '9': 'b', '16400': 'c' }).id).not.toBe(versions.id);
  expect(new Versions({ '9': 'b' }).id).not.toBe(versions.id);
  expect(Versions.none.id).not.toBe(versions.id);
});
