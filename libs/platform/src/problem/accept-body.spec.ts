import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import { Type } from 'class-transformer';
import {
  Equals,
  IsArray,
  IsIn,
  IsInt,
  IsNumber,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import * as fc from 'fast-check';
import { BodyAcceptance } from './accept-body';
import { Omittable } from './omittable';
import { validationPipe } from './validation-pipe';

class Part {
  @IsString()
  @MaxLength(3)
  name: string;

  @Omittable()
  @IsInt()
  @Min(0)
  count?: number;
}

class Plain {
  @Equals(1)
  version: number;

  @Matches(/^[a-z]+$/)
  word: string;

  @Omittable()
  @IsIn(['on', 'off'])
  state?: string;

  @ValidateIf(({ state }: Plain) => state === 'on')
  @IsNumber()
  @Max(9)
  amount: number;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Part)
  parts: Part[];

  @Omittable()
  @ValidateNested()
  @Type(() => Part)
  lid?: Part;
}

class Longer extends Plain {
  @IsInt()
  length: number;
}

class WithList {
  @IsString({ each: true })
  words: string[];
}

class Query {
  @Omittable()
  @Matches(/^[a-z]+$/)
  name?: string;

  @Omittable()
  @IsIn(['on', 'off'])
  state?: string;
}

class QueryWithNumber extends Query {
  @Omittable()
  @Type(() => Number)
  @IsInt()
  limit?: number;
}

class Grouped {
  @IsInt({ groups: ['strict'] })
  amount: number;
}

const odd = fc.constantFrom<unknown>(
  null,
  '',
  'x',
  'on',
  0,
  1,
  -1,
  1.5,
  10,
  true,
  [],
  {},
  [null],
  ['ab'],
  [[]],
  { name: 'a' },
);
const orOdd = (right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: right, weight: 12 }, { arbitrary: odd, weight: 1 });

/** Most have none: a field that is not known hides what else is wrong. */
const others = fc.oneof(
  { arbitrary: fc.constant({}), weight: 9 },
  { arbitrary: fc.record({ more: odd, constructor: odd }, { requiredKeys: [] }), weight: 1 },
);

function bodies(fields: Record<string, fc.Arbitrary<unknown>>, optional: string[]): fc.Arbitrary<object> {
  const required = Object.keys(fields).filter((name) => !optional.includes(name));
  return fc
    .tuple(fc.record(fields, { requiredKeys: required }), others)
    .map(([known, more]) => ({ ...known, ...more }));
}

const part = bodies({ name: orOdd(fc.constantFrom('a', 'bc')), count: orOdd(fc.nat(5)) }, ['count']);
const plain = {
  version: orOdd(fc.constant(1)),
  word: orOdd(fc.constant('abc')),
  state: orOdd(fc.constantFrom('on', 'off')),
  amount: orOdd(fc.integer({ min: 0, max: 9 })),
  parts: orOdd(fc.array(orOdd(part), { maxLength: 3 })),
  lid: orOdd(part),
};
const cases: [new () => object, fc.Arbitrary<object>, 'some' | 'none'][] = [
  [Plain, bodies(plain, ['state', 'amount', 'lid']), 'some'],
  [Longer, bodies({ ...plain, length: orOdd(fc.nat(5)) }, ['state', 'lid']), 'some'],
  [WithList, bodies({ words: orOdd(fc.array(fc.constantFrom<unknown>('a', 'b', 1))) }, ['words']), 'none'],
  [Grouped, bodies({ amount: orOdd(fc.nat(5)) }, ['amount']), 'none'],
];

const right = {
  version: 1,
  word: 'abc',
  state: 'on',
  amount: 3,
  parts: [{ name: 'a', count: 1 }, { name: 'b' }],
};

async function outcomeOf(
  transform: (value: unknown, metadata: ArgumentMetadata) => Promise<unknown>,
  type: new () => object,
  value: unknown,
) {
  // As a parser makes it, for each its own: class-transformer and Nest change what they are given.
  const given = JSON.parse(JSON.stringify(value)) as unknown;
  return transform(given, { type: 'body', metatype: type }).then(
    (made) => ({ made, prototypes: prototypesOf(made) }),
    (error: { details?: unknown }) => ({ refused: error.details }),
  );
}

function prototypesOf(made: unknown): unknown {
  const { parts = [], lid } = made as Partial<Plain>;
  return [made, lid, ...parts].map((one) => one && (Object.getPrototypeOf(one) as unknown));
}

describe('a body that is accepted at once', () => {
  const pipe = validationPipe();
  const whole = (value: unknown, metadata: ArgumentMetadata): Promise<unknown> =>
    ValidationPipe.prototype.transform.call(pipe, value, metadata) as Promise<unknown>;
  const quick = (value: unknown, metadata: ArgumentMetadata): Promise<unknown> =>
    pipe.transform(value, metadata) as Promise<unknown>;

  it.each(cases)('becomes what it becomes by the whole validation: %p', async (type, body, accepted) => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(body, async (value) => {
        if (BodyAcceptance.of(type).accept(value) !== undefined) count++;
        expect(await outcomeOf(quick, type, value)).toEqual(await outcomeOf(whole, type, value));
      }),
      { numRuns: 300 },
    );
    expect(count > 0).toBe(accepted === 'some');
  });

  it.each([
    [Query, true],
    [QueryWithNumber, false],
  ])('holds for queries, too: %p', async (type, isPlain) => {
    const texts = fc.constantFrom('on', 'off', 'default', '', '3', 'NAME');
    const fields = { name: texts, state: texts, limit: texts };
    const queries = fc.record(fields, { requiredKeys: [] });
    const metadata = { type: 'query', metatype: type } as const;
    await fc.assert(
      fc.asyncProperty(queries, async (value) => {
        // As Fastify gives them.
        const query = (): object => Object.assign(Object.create(Object.create(null)) as object, value);
        const outcome = async (transform: typeof whole): Promise<unknown> =>
          transform(query(), metadata).then(
            (made) => [made, Object.getPrototypeOf(made)],
            (error: { details?: unknown }) => error.details,
          );
        expect(await outcome(quick)).toEqual(await outcome(whole));
      }),
      { numRuns: 100 },
    );
    expect(BodyAcceptance.of(type).accept({ state: 'on' }) !== undefined).toBe(isPlain);
  });

  it('is one that is right by plain rules', () => {
    expect(BodyAcceptance.of(Plain).accept(right)).toEqual(right);
    expect(BodyAcceptance.of(Plain).accept(right)).toBeInstanceOf(Plain);
    expect(BodyAcceptance.of(Longer).accept({ ...right, length: 2 })).toBeInstanceOf(Longer);
  });

  it.each([
    ['a field that is not known', Plain, { ...right, more: 1 }],
    ['a field that is null', Plain, { ...right, state: null }],
    ['a wrong value in a list', Plain, { ...right, parts: [{ name: 'abcd' }] }],
    ['a list in place of an object', Plain, { ...right, lid: [] }],
    ['rules for the items of a list', WithList, { words: ['a'] }],
    ['rules of a group', Grouped, { amount: 1 }],
    ['no rules', class {}, {}],
    ['another type', String, 'text'],
  ])('is not one with %s', (_, type, value) => {
    expect(BodyAcceptance.of(type as new () => object).accept(value)).toBeUndefined();
  });
});
