/** Permissions of a role, or of the caller at a scope, as Azure lists them. */
export interface Permission {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
}

/** What somebody was given somewhere. */
export interface Grant {
  /** Resource id where it holds, and for everything below. */
  readonly scope: string;
  readonly permissions: readonly Permission[];
  /** In the language of Azure's attribute-based access control. */
  readonly condition?: string;
}

/** Whether an action is meant by a pattern of Azure: `*` stands for anything, case does not matter. */
export function actionMatches(pattern: string, action: string): boolean {
  // Patterns are short, and the parts between stars are looked for in order: no regular expression made of foreign text.
  const parts = pattern.toLowerCase().split('*');
  const text = action.toLowerCase();
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  const last = rest.pop() ?? '';
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** Whether permissions allow an action: some list it, and the same one does not take it away again. */
export function allows(permissions: readonly Permission[], action: string): boolean {
  return permissions.some(
    ({ actions, notActions }) =>
      actions.some((pattern) => actionMatches(pattern, action)) &&
      !notActions.some((pattern) => actionMatches(pattern, action)),
  );
}

/** Whether a grant holds at a scope: at the scope itself, or anywhere above. */
export function holdsAt({ scope }: Grant, at: string): boolean {
  const above = scope.toLowerCase().replace(/\/$/, '');
  return above === '' || at.toLowerCase() === above || at.toLowerCase().startsWith(`${above}/`);
}

/** Grants with which an action may be done at a scope. */
export function grantsFor(grants: readonly Grant[], scope: string, action: string): readonly Grant[] {
  return grants.filter((grant) => holdsAt(grant, scope) && allows(grant.permissions, action));
}

const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/**
 * Whether a condition on role assignments lets a role be granted; undefined when it says something that is not understood. Azure writes
 * the limits of its own roles, and the portal those of everybody else, as a list of role definitions that are allowed
 * (`ForAnyOfAnyValues:GuidEquals {…}`) or refused (`ForAnyOfAllValues:GuidNotEquals {…}`).
 */
export function conditionAllowsRole(condition: string, roleId: string): boolean | undefined {
  const role = (roleId.split('/').at(-1) ?? '').toLowerCase();
  // The part about writing: a condition has one for each action, and that of deleting speaks of @Resource.
  const lists = [
    ...condition.matchAll(
      /@Request\[Microsoft\.Authorization\/roleAssignments:RoleDefinitionId\]\s+(?:ForAnyOf(?:Any|All)Values:)?Guid(Not)?Equals\s*\{([^}]*)\}/gi,
    ),
  ];
  if (lists.length === 0) return undefined;
  return lists.every(([, not, values = '']) => {
    const listed = (values.match(GUID) ?? []).some((id) => id.toLowerCase() === role);
    return not === undefined ? listed : !listed;
  });
}
