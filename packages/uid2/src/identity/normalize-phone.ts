const PHONE = /^\+[0-9]{10,15}$/;

/**
 * The phone number itself when it is `+` and 10 to 15 ASCII digits (E.164 without separators), else undefined. Nothing is
 * rewritten.
 */
export function normalizePhone(text: string): string | undefined {
  return PHONE.test(text) ? text : undefined;
}
