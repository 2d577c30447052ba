/** How a phone tells what an attacker sent: the beginning of its Call-ID. */
export const ATTACK = "hostile-";
