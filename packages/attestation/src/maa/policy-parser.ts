import { RequestError } from '@holdfast/base';

import type {
  AttestationPolicy,
  PolicyAction,
  PolicyClause,
  PolicyCondition,
  PolicyOperand,
  PolicyOperator,
  PolicyRule,
  PolicyValue,
} from './policy.ts';

const MAX_LENGTH = 64 * 1024;
const TOKEN =
  /\s+|\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\["\\])*"|[A-Za-z_][A-Za-z0-9_-]*|-?\d+(?:\.\d+)?|&&|=>|==|!=|<=|>=|[<>=[\](){},;:.]/y;
const OPERATORS: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];
const FIELDS: readonly string[] = ['type', 'value', 'issuer'];
const AUTHORIZATION_ACTIONS: readonly string[] = ['permit', 'deny', 'add'];
const ISSUANCE_ACTIONS: readonly string[] = ['add', 'issue', 'issueproperty'];

/**
 * Parses an attestation policy of grammar version 1.0 (at most 64 KiB): `version=1.0; authorizationrules { … };
 * issuancerules { … };`.
 * @throws RequestError MAA_POLICY_INVALID
 * @see Microsoft Azure Attestation, "Attestation policy grammar v1.0"
 */
export function parseAttestationPolicy(text: string): AttestationPolicy {
  if (text.length > MAX_LENGTH)
    throw new RequestError('MAA_POLICY_INVALID', `policy of ${text.length} characters, at most ${MAX_LENGTH}`);
  const tokens = new Tokens(text);
  tokens.expect('version', '=');
  const version = tokens.next();
  if (version !== '1.0') throw tokens.invalid(`version ${version}, known is 1.0`);
  tokens.expect(';', 'authorizationrules');
  const authorizationRules = parseRules(tokens, AUTHORIZATION_ACTIONS);
  tokens.expect('issuancerules');
  const issuanceRules = parseRules(tokens, ISSUANCE_ACTIONS);
  tokens.end();
  return { authorizationRules, issuanceRules };
}

function parseRules(tokens: Tokens, actions: readonly string[]): readonly PolicyRule[] {
  const rules: PolicyRule[] = [];
  tokens.expect('{');
  while (tokens.peek !== '}') rules.push(parseRule(tokens, actions));
  tokens.expect('}', ';');
  return rules;
}

function parseRule(tokens: Tokens, actions: readonly string[]): PolicyRule {
  const conditions: PolicyCondition[] = [];
  if (tokens.peek !== '=>') {
    do conditions.push(parseCondition(tokens));
    while (tokens.take('&&'));
  }
  tokens.expect('=>');
  const variables = conditions.flatMap(({ variable }) => variable ?? []);
  if (new Set(variables).size !== variables.length) throw tokens.invalid('a variable that stands twice');
  const action = parseAction(tokens, actions, variables);
  tokens.expect(';');
  return { conditions, action };
}

function parseCondition(tokens: Tokens): PolicyCondition {
  let variable: string | undefined;
  if (tokens.peek !== '[') {
    variable = tokens.identifier();
    tokens.expect(':');
  }
  tokens.expect('[');
  const clauses: PolicyClause[] = [];
  if (tokens.peek !== ']') {
    do clauses.push(parseClause(tokens));
    while (tokens.take(','));
  }
  tokens.expect(']');
  return { variable, clauses };
}

function parseClause(tokens: Tokens): PolicyClause {
  const field = parseField(tokens);
  const operator = tokens.next();
  if (!isOperator(operator)) throw tokens.invalid(`"${operator}" where an operator is due`);
  const operand = tokens.literal();
  if (!['==', '!='].includes(operator) && typeof operand !== 'bigint')
    throw tokens.invalid('an ordering of something that is no integer');
  return { field, operator, operand };
}

function parseAction(tokens: Tokens, actions: readonly string[], variables: readonly string[]): PolicyAction {
  const kind = tokens.identifier();
  if (!actions.includes(kind)) throw tokens.invalid(`action "${kind}" is not known here`);
  tokens.expect('(');
  if (kind === 'permit' || kind === 'deny') {
    tokens.expect(')');
    return { kind };
  }
  const operands = new Map<string, PolicyOperand>();
  do {
    const name = tokens.identifier();
    if (operands.has(name)) throw tokens.invalid(`"${name}" stands twice`);
    tokens.expect('=');
    operands.set(name, parseOperand(tokens, variables, name));
  } while (tokens.take(','));
  tokens.expect(')');
  return { kind: kind as 'add' | 'issue' | 'issueproperty', ...typeAndValue(tokens, operands) };
}

/** `type` and `value`, or `claim=c`, which stands for both of a matched claim. */
function typeAndValue(
  tokens: Tokens,
  operands: ReadonlyMap<string, PolicyOperand>,
): { readonly type: PolicyOperand; readonly value: PolicyOperand } {
  const claim = operands.get('claim');
  if (claim !== undefined && operands.size === 1 && 'variable' in claim) {
    return { type: { variable: claim.variable, field: 'type' }, value: { variable: claim.variable, field: 'value' } };
  }
  const type = operands.get('type');
  const value = operands.get('value');
  if (type === undefined || value === undefined || operands.size !== 2)
    throw tokens.invalid('an action needs type and value');
  return { type, value };
}

function parseOperand(tokens: Tokens, variables: readonly string[], name: string): PolicyOperand {
  const next = tokens.peek ?? '';
  if (!/^[A-Za-z_]/.test(next) || next === 'true' || next === 'false') return { literal: tokens.literal() };
  const variable = tokens.identifier();
  if (!variables.includes(variable)) throw tokens.invalid(`variable "${variable}" is not bound`);
  if (name === 'claim') return { variable, field: 'value' };
  tokens.expect('.');
  return { variable, field: parseField(tokens) };
}

function parseField(tokens: Tokens): PolicyClause['field'] {
  const field = tokens.identifier();
  if (!isField(field)) throw tokens.invalid(`"${field}" where type, value or issuer is due`);
  return field;
}

function isField(text: string): text is PolicyClause['field'] {
  return FIELDS.includes(text);
}

function isOperator(text: string): text is PolicyOperator {
  return OPERATORS.includes(text);
}

/** The tokens of a policy, white space and comments left out. */
class Tokens {
  readonly #tokens: readonly string[];
  #index = 0;

  constructor(text: string) {
    const tokens: string[] = [];
    let offset = 0;
    while (offset < text.length) {
      TOKEN.lastIndex = offset;
      const token = TOKEN.exec(text)?.[0];
      if (token === undefined)
        throw new RequestError('MAA_POLICY_INVALID', `policy: unexpected character at ${offset}`);
      offset += token.length;
      if (!/^(?:\s|\/\*|\/\/)/.test(token)) tokens.push(token);
    }
    this.#tokens = tokens;
  }

  get peek(): string | undefined {
    return this.#tokens[this.#index];
  }

  next(): string {
    const token = this.peek;
    if (token === undefined) throw this.invalid('ends too early');
    this.#index += 1;
    return token;
  }

  take(token: string): boolean {
    if (this.peek !== token) return false;
    this.#index += 1;
    return true;
  }

  expect(...tokens: readonly string[]): void {
    for (const token of tokens) {
      if (!this.take(token)) throw this.invalid(`"${this.peek ?? 'the end'}" where "${token}" is due`);
    }
  }

  identifier(): string {
    const token = this.next();
    if (!/^[A-Za-z_]/.test(token)) throw this.invalid(`"${token}" where a name is due`);
    return token;
  }

  literal(): PolicyValue {
    const token = this.next();
    if (token === 'true' || token === 'false') return token === 'true';
    if (token.startsWith('"')) return token.slice(1, -1).replace(/\\(.)/g, '$1');
    if (/^-?\d{1,20}$/.test(token)) return BigInt(token);
    throw this.invalid(`"${token}" where a text, an integer or a boolean is due`);
  }

  end(): void {
    if (this.peek !== undefined) throw this.invalid(`"${this.peek}" after the end`);
  }

  invalid(problem: string): RequestError {
    return new RequestError('MAA_POLICY_INVALID', `policy, token ${this.#index}: ${problem}`);
  }
}
