import { FieldReader, ShapeError } from '../json/field-reader';

/** @throws ShapeError */
export function statementReader(json: string): FieldReader {
  try {
    return new FieldReader(JSON.parse(json), '');
  } catch (error) {
    if (error instanceof ShapeError) throw error;
    throw new ShapeError('the document is not JSON');
  }
}
