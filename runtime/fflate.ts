// A module of its own, so that bundlers can leave out the rest of fflate.
export { zlibSync } from "fflate";
