/**
 * Bodies checked against the schema of Microsoft's own types (`message.schema.json`, made by `scripts/generate-graph-schema.ts`).
 *
 * @module
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { badBody, GraphError } from './graph-error.ts';
import schema from './message.schema.json' with { type: 'json' };

const ajv = new Ajv({ strict: true, allowUnionTypes: true });
ajv.addSchema(schema, 'graph');

function validator(name: keyof typeof schema.definitions): ValidateFunction {
  const validate = ajv.getSchema(`graph#/definitions/${name}`);
  if (validate === undefined) throw new Error(`message.schema.json does not define ${name}: run scripts/generate-graph-schema.ts.`);
  return validate;
}

const validators = {
  Message: validator('Message'),
  FileAttachment: validator('FileAttachment'),
  CreateUploadSession: validator('CreateUploadSession'),
};

function describe(errors: readonly ErrorObject[] | null | undefined): string {
  const error = errors?.[0];
  const detail = error?.params['additionalProperty'] ?? error?.params['allowedValues'] ?? '';
  return `${error?.instancePath === '' ? 'the body' : error?.instancePath} ${error?.message} ${JSON.stringify(detail)}`;
}

/** @throws GraphError 400 for a body that Microsoft's types do not allow: an unknown property, a wrong word, a number for a text. */
export function checkSchema(name: keyof typeof validators, body: unknown): void {
  const validate = validators[name];
  if (!validate(body)) throw badBody(`The body is not what Microsoft's types say: ${describe(validate.errors)}`);
}

/** @throws GraphError 400 for a property that Graph computes itself. */
export function refuseReadOnly(body: object, names: readonly string[]): void {
  const name = names.find((name) => Object.hasOwn(body, name));
  if (name !== undefined) throw new GraphError(400, 'ErrorInvalidPropertySet', `The property '${name}' is read-only and can't be set.`);
}
