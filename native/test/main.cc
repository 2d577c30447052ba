#include "check.h"

int main(int argc, char** argv) { return sluice::test::run(argc, argv); }
