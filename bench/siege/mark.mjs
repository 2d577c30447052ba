/** How a phone recognises an attacker's message: the beginning of its Call-ID. */
export const ATTACK = "hostile-";
