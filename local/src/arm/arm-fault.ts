import { compact } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';

export interface ArmFaultOptions {
  readonly target?: string;
  readonly details?: readonly JsonObject[];
  readonly additionalInfo?: readonly JsonObject[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer of Azure Resource Manager other than success; it never leaves the application as an exception. */
export class ArmFault extends Error {
  readonly status: number;
  readonly armCode: string;
  readonly options: ArmFaultOptions;

  constructor(status: number, armCode: string, message: string, options: ArmFaultOptions = {}) {
    super(message);
    this.status = status;
    this.armCode = armCode;
    this.options = options;
  }
}

/** What stands inside the envelope `{"error": …}`. */
export function errorBody(fault: ArmFault): JsonObject {
  const { target, details, additionalInfo } = fault.options;
  return compact({
    code: fault.armCode,
    message: fault.message,
    target,
    details: details as JsonValue[] | undefined,
    additionalInfo: additionalInfo as JsonValue[] | undefined,
  });
}

/** The name of a status as deployments write it: `Conflict` for 409. */
export function statusName(status: number): string {
  const names: Readonly<Record<number, string>> = {
    200: 'OK',
    201: 'Created',
    400: 'BadRequest',
    403: 'Forbidden',
    404: 'NotFound',
    405: 'MethodNotAllowed',
    409: 'Conflict',
    412: 'PreconditionFailed',
  };
  return names[status] ?? 'InternalServerError';
}
