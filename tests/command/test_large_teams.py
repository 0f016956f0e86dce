"""Teams of four ranks, of as many and of six: on two cores they take as long as all smaller ones together."""
# ctest: PROCESSORS 3 LABELS campaign

import command
import test_teams


class LargeTeams(test_teams.TeamTest):
    def test_products_and_vectors(self):
        self.check_ranks(test_teams.MIXED, 48, (6,))

    def test_implicit_norms_have_the_bits_of_one_rank(self):
        self.check_implicit_norms(4)


if __name__ == "__main__":
    command.main()
