/**
 * Who calls an HTTP function, and whether they may: the platform signs people in and passes their claims on.
 *
 * @module
 */
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { z } from 'zod';

/**
 * The roles of the Entra application (*Archive Reader* and *Archive Operator*; their values may hold no blank): an operator may do all
 * that a reader may.
 */
export type Role = 'Archive.Reader' | 'Archive.Operator';

// Source: Azure App Service, "access user claims in app code".
const principalSchema = z.object({ claims: z.array(z.object({ typ: z.string(), val: z.string() })) });
const ROLE_CLAIMS = new Set(['roles', 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role']);
const ID_CLAIMS = ['http://schemas.microsoft.com/identity/claims/objectidentifier', 'oid', 'appid'];

function refuse(status: number, message: string): { readonly refusal: HttpResponseInit } {
  return { refusal: { status, jsonBody: { error: message } } };
}

/**
 * Reads the caller of a request. The header can be trusted in Azure, where the platform sets it and takes away one that came from
 * outside; without the platform's sign-in it is absent, and everybody is refused.
 *
 * @returns the caller's object id, which is what the audit log names; or the answer that refuses them.
 */
export function callerOf(request: HttpRequest, role: Role): { readonly caller: string } | { readonly refusal: HttpResponseInit } {
  const header = request.headers.get('x-ms-client-principal');
  if (header === null) return refuse(401, 'Sign in first.');
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    return refuse(401, 'The sign-in cannot be read.');
  }
  const principal = principalSchema.safeParse(decoded);
  if (!principal.success) return refuse(401, 'The sign-in cannot be read.');
  const { claims } = principal.data;
  const roles = new Set(claims.filter(({ typ }) => ROLE_CLAIMS.has(typ)).map(({ val }) => val));
  if (!roles.has(role) && !roles.has('Archive.Operator')) return refuse(403, `This needs the role ${role}.`);
  const caller = ID_CLAIMS.map((id) => claims.find(({ typ }) => typ === id)?.val).find((value) => value !== undefined);
  return caller === undefined ? refuse(401, 'The sign-in names nobody.') : { caller };
}
