import type { EnclaveRecord } from '../seed-files/enclaves.ts';
import { servingOperators } from './operators.ts';
import type { AttestationProtocol } from './operators.ts';
import { existingRecord, invalidValue, onlyRecord, requireText } from './refusals.ts';
import { count } from './wording.ts';
import { change, nowSeconds } from './world.ts';
import type { AdministrationContext, Change, World } from './world.ts';

/** What the identifier of an enclave looks like, by protocol; `trusted` operators have none. */
const IDENTIFIERS: Readonly<Record<string, { readonly pattern: RegExp; readonly form: string }>> = {
  'azure-cc': {
    pattern: /^[0-9a-f]{64}$/,
    form: 'the SHA-256 of the policy in lower-case hexadecimal, 64 digits',
  },
  'aws-nitro': { pattern: /^[A-Za-z0-9+/]{64}$/, form: 'Base64 of PCR0, 64 characters' },
  'gcp-oidc': { pattern: /^[A-Za-z0-9+/]{43}=$/, form: 'Base64 of a SHA-256, 44 characters' },
};

/**
 * Lets operators that measure as `identifier` attest. Core takes it up within a minute.
 * @throws RequestError ADMIN_RECORD_EXISTS when name or identifier are registered
 * @throws RequestError ADMIN_VALUE_INVALID when the identifier does not look like one of its protocol
 */
export function addEnclave(
  world: World,
  fields: { readonly name: string; readonly protocol: AttestationProtocol; readonly identifier: string },
  context: AdministrationContext,
): Change<EnclaveRecord> {
  const name = requireText('name', fields.name);
  const { protocol, identifier } = fields;
  const form = IDENTIFIERS[protocol];
  if (form === undefined) {
    throw invalidValue('protocol', `${protocol} operators have no enclave identifier`, 'Name another protocol.');
  }
  if (!form.pattern.test(identifier)) {
    throw invalidValue('identifier', `the identifier does not fit ${protocol}`, `Give ${form.form}.`);
  }
  for (const enclave of world.enclaves) {
    if (enclave.name === name) throw existingRecord('enclave', `an enclave with the name ${name} exists already`);
    if (enclave.protocol === protocol && enclave.identifier === identifier) {
      throw existingRecord('enclave', `this identifier is registered already, as ${enclave.name}`);
    }
  }
  const enclave: EnclaveRecord = { name, protocol, identifier, created: nowSeconds(context) };
  return change({ ...world, enclaves: [...world.enclaves, enclave] }, enclave);
}

/**
 * Takes an enclave off the list, by name or identifier.
 * @param runningIdentifier The identifier of an operator known to run, if one is.
 * @throws RequestError ADMIN_RECORD_UNKNOWN, ADMIN_RECORD_AMBIGUOUS
 */
export function removeEnclave(world: World, name: string, runningIdentifier?: string): Change<EnclaveRecord> {
  const found = world.enclaves.filter((enclave) => enclave.name === name || enclave.identifier === name);
  const enclave = onlyRecord('enclave', name, found, ({ name, identifier }) => `${name} (${identifier})`, 'enclave');
  const consequences: string[] = [];
  const operators = servingOperators(world, enclave.protocol);
  if (enclave.identifier === runningIdentifier) {
    consequences.push(
      `The operator that runs here measures as ${enclave.name}: it is refused at its next attestation and shuts down.`,
    );
  } else if (operators.length > 0) {
    consequences.push(
      `Instances of ${count(operators.length, `${enclave.protocol} operator`)} (${operators.map(({ name }) => name).join(', ')}) that measure as ${enclave.name} are refused at their next attestation and shut down.`,
    );
  }
  return change({ ...world, enclaves: world.enclaves.filter((other) => other !== enclave) }, enclave, { consequences });
}
